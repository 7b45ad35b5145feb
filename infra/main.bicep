// Everything of one environment (dev, stage or prod) in one resource group; docs/deploy.md says what it costs and which options go together.
// What a resource looks like is in modules/; who may do what is on one page, modules/roles.bicep; queues are in modules/service-bus.bicep.

targetScope = 'resourceGroup'

import { appSettings } from 'modules/settings.bicep'

@description('Which environment this is. It is part of names and tags and chooses the defaults of sizes.')
@allowed(['dev', 'stage', 'prod'])
param environmentName string

@description('Region of all resources.')
param location string = resourceGroup().location

@description('Short name that resource names begin with.')
@minLength(3)
@maxLength(12)
param name string = 'acsync'

@description('Tags of all resources.')
param tags object = {}

@description('URL of the Dynamics environment, without a path.')
@minLength(12)
param dynamicsUrl string

@description('How the app signs in to Dynamics. The managed identity needs no secret.')
@allowed(['managed-identity', 'client-secret'])
param dynamicsAuth string = 'managed-identity'

@description('Client id of the app registration; with client-secret only.')
param dynamicsClientId string = ''

@description('Entra tenant of the app registration; with client-secret only.')
param dynamicsTenantId string = tenant().tenantId

@description('Client secret of the app registration; with client-secret only. Empty: the vault keeps what it has.')
@secure()
param dynamicsClientSecret string = ''

@description('Entra ID of this cloud. In China the app wants the partner host here.')
param dynamicsAuthority string = environment().authentication.loginEndpoint

@description('Campaign instance as it stands in API paths.')
@minLength(1)
param campaignTenant string

@description('Client id (API key) of the OAuth server-to-server credential of Campaign.')
@minLength(1)
param campaignClientId string

@description('Client secret of that credential. Empty: the vault keeps what it has.')
@secure()
param campaignClientSecret string = ''

@description('When that client secret ends, as 2030-01-31T00:00:00Z. Empty: nobody is warned.')
param campaignSecretExpires string = ''

@description('When the client secret for Dynamics ends, in the same form.')
param dynamicsSecretExpires string = ''

@description('When the key of the SFTP account is to be changed, in the same form.')
param sftpKeyExpires string = ''

@description('Key of the fingerprints, random, 16 characters or more. Give it once: a new one makes the next load write every record again.')
@secure()
param fingerprintKey string = ''

@description('Function key that Dynamics is to send. Empty: the vault keeps what it has.')
@secure()
param webhookKey string = ''

@description('Host of the SFTP account that Campaign exchanges files with, host or host:port. Empty: no files are read.')
param sftpHost string = ''

@description('User of that account.')
param sftpUser string = ''

@description('Fingerprint of the host key, as SHA256 and 43 letters.')
param sftpHostKey string = ''

@description('Private key of that user. Empty: the vault keeps what it has.')
@secure()
param sftpKey string = ''

@description('How many Campaign records are written at the same time in the whole deployment. Change it only while the queue is empty.')
@minValue(1)
@maxValue(16)
param lanes int = 4

@description('Settings that are not as usual, by name; docs/settings.md lists them.')
param settings appSettings = {}

@description('Instances that always wait for messages on the lanes. 1 spares the first message a cold start and is paid by the hour; more would find no free lane.')
@minValue(0)
@maxValue(1)
param lanesAlwaysReady int = environmentName == 'dev' ? 0 : 1

@description('Instances that always wait for notices and operators.')
@minValue(0)
@maxValue(4)
param httpAlwaysReady int = 0

@description('Most instances. Lanes cap the writes to Campaign whatever this says; below the number of functions some would never run.')
@minValue(16)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Memory of one instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Tier of Service Bus. Private endpoints bring Premium whatever stands here.')
@allowed(['Standard', 'Premium'])
param busTier string = 'Standard'

@description('Does Dynamics post to a queue? It signs in there with a key, so the queue has a namespace of its own.')
param busDoor bool = false

@description('Copies of the stored state: in one place, or in several zones of the region.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageCopies string = environmentName == 'prod' ? 'Standard_ZRS' : 'Standard_LRS'

@description('Are tables, queue and vault closed to the internet and reached through private endpoints?')
param privateEndpoints bool = false

@description('Does the app call the world from one address that does not change? SFTP allow-lists want it.')
param staticAddress bool = false

@description('Addresses of the virtual network, where there is one; at least a /25.')
param networkAddresses string = '10.71.0.0/24'

@description('Who is told when something is wrong. Without anybody alerts only show in the portal.')
param alertEmails string[] = []

@description('Minutes without a look of the monitor that count as an alarm.')
@allowed([15, 30, 60])
param quietMinutes int = 15

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logDays int = 30

@description('Entra group that may put secrets into the vault. Empty: nobody may but who has it already.')
param operatorGroupId string = ''

var suffix = uniqueString(resourceGroup().id, name, environmentName)
var fullName = '${name}-${environmentName}-${take(suffix, 6)}'
var allTags = union(tags, { 'azd-env-name': environmentName })
var hasNetwork = privateEndpoints || staticAddress

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: 'id-${fullName}'
  location: location
  tags: allTags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: fullName
    location: location
    tags: allTags
    logDays: logDays
  }
}

module network 'modules/network.bicep' = if (hasNetwork) {
  name: 'network'
  params: {
    name: fullName
    location: location
    tags: allTags
    addresses: networkAddresses
    staticAddress: staticAddress
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: take(toLower('st${replace(name, '-', '')}${suffix}'), 24)
    location: location
    tags: allTags
    copies: storageCopies
    isPublic: !privateEndpoints
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  params: {
    name: 'sb-${fullName}'
    location: location
    tags: allTags
    tier: privateEndpoints ? 'Premium' : busTier
    isPublic: !privateEndpoints
    busDoor: busDoor
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  params: {
    name: take('kv-${name}-${suffix}', 24)
    location: location
    tags: allTags
    isPublic: !privateEndpoints
    workspaceId: monitoring.outputs.workspaceId
    dynamicsClientSecret: dynamicsClientSecret
    campaignClientSecret: campaignClientSecret
    campaignSecretExpires: campaignSecretExpires
    dynamicsSecretExpires: dynamicsSecretExpires
    sftpKeyExpires: sftpKeyExpires
    fingerprintKey: fingerprintKey
    webhookKey: webhookKey
    sftpKey: sftpKey
  }
}

module closedDoors 'modules/private-endpoints.bicep' = if (privateEndpoints) {
  name: 'private-endpoints'
  params: {
    name: fullName
    location: location
    tags: allTags
    networkId: hasNetwork ? network!.outputs.networkId : ''
    subnetId: hasNetwork ? network!.outputs.endpointSubnetId : ''
    storageId: storage.outputs.id
    busId: serviceBus.outputs.id
    vaultId: keyVault.outputs.id
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    appPrincipalId: identity.properties.principalId
    operatorGroupId: operatorGroupId
    storageName: storage.outputs.name
    busName: serviceBus.outputs.name
    noticesName: serviceBus.outputs.noticesName
    vaultName: keyVault.outputs.name
    insightsName: monitoring.outputs.insightsName
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  params: {
    name: 'func-${fullName}'
    location: location
    tags: allTags
    identityId: identity.id
    identityClientId: identity.properties.clientId
    insightsConnection: monitoring.outputs.insightsConnection
    blobUri: storage.outputs.blobUri
    tableUri: storage.outputs.tableUri
    packageUri: storage.outputs.packageUri
    busHost: serviceBus.outputs.host
    noticesHost: serviceBus.outputs.noticesHost
    vaultUri: keyVault.outputs.uri
    subnetId: hasNetwork ? network!.outputs.appSubnetId : ''
    lanes: lanes
    lanesAlwaysReady: lanesAlwaysReady
    httpAlwaysReady: httpAlwaysReady
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    dynamicsUrl: dynamicsUrl
    dynamicsAuth: dynamicsAuth
    dynamicsClientId: dynamicsClientId
    dynamicsTenantId: dynamicsTenantId
    dynamicsAuthority: dynamicsAuthority
    campaignTenant: campaignTenant
    campaignClientId: campaignClientId
    campaignSecretExpires: campaignSecretExpires
    dynamicsSecretExpires: dynamicsSecretExpires
    sftpKeyExpires: sftpKeyExpires
    sftpHost: sftpHost
    sftpUser: sftpUser
    sftpHostKey: sftpHostKey
    settings: settings
  }
  // The app reads its package, its keys and its secrets while it is made.
  dependsOn: [
    roles
    closedDoors
  ]
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    name: fullName
    location: location
    tags: allTags
    emails: alertEmails
    quietMinutes: quietMinutes
    insightsId: monitoring.outputs.insightsId
    workspaceId: monitoring.outputs.workspaceId
    busId: serviceBus.outputs.id
    noticesId: serviceBus.outputs.noticesId
  }
}

@description('Name of the Function App.')
output appName string = functionApp.outputs.name

@description('Where Dynamics posts its notices, without the key.')
output webhookUrl string = 'https://${functionApp.outputs.host}/api/ingress-webhook'

@description('Client id of the identity: the application user in Dynamics has it as its application id.')
output identityClientId string = identity.properties.clientId

@description('Object id of that identity.')
output identityPrincipalId string = identity.properties.principalId

@description('The address the app calls from; empty unless staticAddress.')
output outboundAddress string = hasNetwork ? network!.outputs.address : ''

@description('Vault with the secrets.')
output vaultName string = keyVault.outputs.name

@description('Namespace that Dynamics posts to; empty unless busDoor.')
output noticesHost string = serviceBus.outputs.noticesHost

@description('Policy of the queue whose key Dynamics gets: it may send and nothing else; empty unless busDoor.')
output noticesPolicy string = serviceBus.outputs.noticesPolicy
