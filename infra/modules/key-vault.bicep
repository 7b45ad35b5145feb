// The vault and its secrets. A secret that is not given stays as the vault has it, so that a deployment never undoes a rotation.

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('May it be reached from the internet, with an identity?')
param isPublic bool

@description('Workspace that its log goes to: who read what, and what ends soon.')
param workspaceId string

@description('Client secret for Dynamics.')
@secure()
param dynamicsClientSecret string

@description('Client secret for Campaign.')
@secure()
param campaignClientSecret string

@description('When it ends; empty: nobody knows.')
param campaignSecretExpires string

@description('When the client secret for Dynamics ends; empty: nobody knows.')
param dynamicsSecretExpires string

@description('When the key of the SFTP account is to be changed; empty: nobody knows.')
param sftpKeyExpires string

@description('Key of the fingerprints.')
@secure()
param fingerprintKey string

@description('Function key that Dynamics sends.')
@secure()
param webhookKey string

@description('Private key of the SFTP account.')
@secure()
param sftpKey string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'
    networkAcls: {
      // A deployment writes secrets through Azure Resource Manager.
      bypass: 'AzureServices'
      defaultAction: isPublic ? 'Allow' : 'Deny'
    }
  }
}

resource dynamicsSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(dynamicsClientSecret)) {
  parent: vault
  name: 'dynamics-client-secret'
  properties: {
    value: dynamicsClientSecret
    attributes: empty(dynamicsSecretExpires) ? {} : { exp: dateTimeToEpoch(dynamicsSecretExpires) }
  }
}

resource campaignSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(campaignClientSecret)) {
  parent: vault
  name: 'campaign-client-secret'
  properties: {
    value: campaignClientSecret
    attributes: empty(campaignSecretExpires) ? {} : { exp: dateTimeToEpoch(campaignSecretExpires) }
  }
}

resource fingerprintSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(fingerprintKey)) {
  parent: vault
  name: 'fingerprint-key'
  properties: { value: fingerprintKey }
}

resource webhookSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(webhookKey)) {
  parent: vault
  name: 'webhook-key'
  properties: { value: webhookKey }
}

resource sftpSecret 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (!empty(sftpKey)) {
  parent: vault
  name: 'sftp-key'
  properties: {
    value: sftpKey
    attributes: empty(sftpKeyExpires) ? {} : { exp: dateTimeToEpoch(sftpKeyExpires) }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'AuditEvent', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
