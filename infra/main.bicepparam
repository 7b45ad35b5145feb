// For azd: the same template, everything out of azd's environment (`azd env set NAME VALUE`). Its name must be dev, stage or prod.
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')

param dynamicsUrl = readEnvironmentVariable('DYNAMICS_URL')
param campaignTenant = readEnvironmentVariable('CAMPAIGN_TENANT')
param campaignClientId = readEnvironmentVariable('CAMPAIGN_CLIENT_ID')

// Empty: the vault keeps what it has.
param campaignClientSecret = readEnvironmentVariable('CAMPAIGN_CLIENT_SECRET', '')
param campaignSecretExpires = readEnvironmentVariable('CAMPAIGN_SECRET_EXPIRES', '')
param fingerprintKey = readEnvironmentVariable('FINGERPRINT_KEY', '')
param webhookKey = readEnvironmentVariable('WEBHOOK_KEY', '')
