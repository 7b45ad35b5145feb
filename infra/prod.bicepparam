// Production. Values of your own stand in the environment of whoever deploys: docs/deploy.md lists them.
using './main.bicep'

param environmentName = 'prod'

param dynamicsUrl = readEnvironmentVariable('DYNAMICS_URL')
param campaignTenant = readEnvironmentVariable('CAMPAIGN_TENANT')
param campaignClientId = readEnvironmentVariable('CAMPAIGN_CLIENT_ID')

// Empty: the vault keeps what it has.
param campaignClientSecret = readEnvironmentVariable('CAMPAIGN_CLIENT_SECRET', '')
param fingerprintKey = readEnvironmentVariable('FINGERPRINT_KEY', '')
param webhookKey = readEnvironmentVariable('WEBHOOK_KEY', '')

param campaignSecretExpires = readEnvironmentVariable('CAMPAIGN_SECRET_EXPIRES', '')
param operatorGroupId = readEnvironmentVariable('OPERATOR_GROUP_ID', '')

// Without it the first message after a quiet time may wait for minutes.
param lanesAlwaysReady = 1
param alertEmails = split(readEnvironmentVariable('ALERT_EMAILS'), ',')
param logDays = 90
