// A staging environment: as production, with fewer copies of its state. Values of your own stand in the environment of whoever deploys: docs/deploy.md lists them.
using './main.bicep'

param environmentName = 'stage'

param dynamicsUrl = readEnvironmentVariable('DYNAMICS_URL')
param campaignTenant = readEnvironmentVariable('CAMPAIGN_TENANT')
param campaignClientId = readEnvironmentVariable('CAMPAIGN_CLIENT_ID')

// Empty: the vault keeps what it has.
param campaignClientSecret = readEnvironmentVariable('CAMPAIGN_CLIENT_SECRET', '')
param campaignSecretExpires = readEnvironmentVariable('CAMPAIGN_SECRET_EXPIRES', '')
param fingerprintKey = readEnvironmentVariable('FINGERPRINT_KEY', '')
param webhookKey = readEnvironmentVariable('WEBHOOK_KEY', '')

// As in production, so that what is measured here holds there.
param lanesAlwaysReady = 1
