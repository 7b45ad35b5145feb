// The Function App on Flex Consumption and its settings. Settings are shared/settings/schema.ts's; test/infra/bicep.test.ts holds both equal.

import { appSettings } from 'settings.bicep'

@description('Name of the app.')
@maxLength(60)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the identity the app runs as.')
param identityId string

@description('Its client id.')
param identityClientId string

@description('Where Application Insights takes telemetry.')
param insightsConnection string

@description('Blob service of the storage account.')
param blobUri string

@description('Table service of the storage account.')
param tableUri string

@description('Container of the deployed package.')
param packageUri string

@description('Host of the Service Bus namespace.')
param busHost string

@description('Host of the namespace that Dynamics posts to; empty: none.')
param noticesHost string

@description('URI of the vault.')
param vaultUri string

@description('Subnet the app calls from; empty: none.')
param subnetId string

@description('Number of lanes.')
param lanes int

@description('Instances that always wait for messages on the lanes.')
param lanesAlwaysReady int

@description('Instances that always wait for notices and operators.')
param httpAlwaysReady int

@description('Most instances.')
param maximumInstanceCount int

@description('Memory of one instance.')
param instanceMemoryMB int

@description('URL of the Dynamics environment.')
param dynamicsUrl string

@description('How the app signs in to Dynamics.')
param dynamicsAuth string

@description('Client id of the app registration.')
param dynamicsClientId string

@description('Its tenant.')
param dynamicsTenantId string

@description('Entra ID of this cloud.')
param dynamicsAuthority string

@description('Campaign instance.')
param campaignTenant string

@description('Client id of the Campaign credential.')
param campaignClientId string

@description('When the client secret of Campaign ends; empty: nobody is warned.')
param campaignSecretExpires string

@description('When the client secret for Dynamics ends; empty: nobody is warned.')
param dynamicsSecretExpires string

@description('When the key of the SFTP account is to be changed; empty: nobody is warned.')
param sftpKeyExpires string

@description('Host of the SFTP account; empty: no files are read.')
param sftpHost string

@description('User of that account.')
param sftpUser string

@description('Fingerprint of its host key.')
param sftpHostKey string

@description('Settings that are not as usual.')
param settings appSettings

// Without a version: the platform takes a new one within a day, or at once when the app restarts.
func secretOf(vault string, secret string) string => '@Microsoft.KeyVault(SecretUri=${vault}secrets/${secret})'

// For the Functions host: its own storage, telemetry, and the identity all of it is reached with.
var hostSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: blobUri
  AzureWebJobsStorage__tableServiceUri: tableUri
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // Which identity the app's own clients of tables and queue take.
  AZURE_CLIENT_ID: identityClientId
}

var ownSettings = {
  RUNTIME: 'azure'
  DYNAMICS_URL: dynamicsUrl
  DYNAMICS_AUTH: dynamicsAuth
  DYNAMICS_AUTHORITY: dynamicsAuthority
  CAMPAIGN_TENANT: campaignTenant
  CAMPAIGN_CLIENT_ID: campaignClientId
  CAMPAIGN_CLIENT_SECRET: secretOf(vaultUri, 'campaign-client-secret')
  CAMPAIGN_CLIENT_SECRET_EXPIRES: campaignSecretExpires
  FINGERPRINT_KEY: secretOf(vaultUri, 'fingerprint-key')
  LANES: string(lanes)
  SERVICEBUS__fullyQualifiedNamespace: busHost
  SERVICEBUS__credential: 'managedidentity'
  SERVICEBUS__clientId: identityClientId
  TABLES__tableServiceUri: tableUri
}

var dynamicsSettings = dynamicsAuth == 'client-secret' ? {
  DYNAMICS_TENANT_ID: dynamicsTenantId
  DYNAMICS_CLIENT_ID: dynamicsClientId
  DYNAMICS_CLIENT_SECRET: secretOf(vaultUri, 'dynamics-client-secret')
  DYNAMICS_CLIENT_SECRET_EXPIRES: dynamicsSecretExpires
} : {
  DYNAMICS_CLIENT_ID: identityClientId
}

var noticesSettings = empty(noticesHost) ? {} : {
  NOTICES__fullyQualifiedNamespace: noticesHost
  NOTICES__credential: 'managedidentity'
  NOTICES__clientId: identityClientId
}

var sftpSettings = empty(sftpHost) ? {} : {
  CAMPAIGN_SFTP_HOST: sftpHost
  CAMPAIGN_SFTP_USER: sftpUser
  CAMPAIGN_SFTP_HOST_KEY: sftpHostKey
  CAMPAIGN_SFTP_KEY: secretOf(vaultUri, 'sftp-key')
  CAMPAIGN_SFTP_KEY_EXPIRES: sftpKeyExpires
}

// One instance holds every lane (host.json: maxConcurrentSessions), so a second one for them would only wait.
var alwaysReady = [
  { name: 'function:ingress-write', instanceCount: lanesAlwaysReady }
  { name: 'http', instanceCount: httpAlwaysReady }
]

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'sync' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'node', version: '22' }
      scaleAndConcurrency: {
        alwaysReady: filter(alwaysReady, group => group.instanceCount > 0)
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
      }
    }
  }
}

// What the platform and this product need cannot be set otherwise by `settings`: later objects win.
resource values 'Microsoft.Web/sites/config@2024-04-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, hostSettings, ownSettings, dynamicsSettings, noticesSettings, sftpSettings)
}

// Nobody publishes with a password.
resource publishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = [for door in ['scm', 'ftp']: {
  parent: app
  name: door
  properties: { allow: false }
}]

output name string = app.name
output host string = app.properties.defaultHostName
