// Every role of this product, each with its reason, each on the narrowest resource that serves. Nothing else assigns roles.
// test/infra/bicep.test.ts refuses a role or a scope that infra/bicep-check/roles.ts does not allow.

@description('Object id of the identity the app runs as.')
param appPrincipalId string

@description('Group of operators who look after secrets; empty: none.')
param operatorGroupId string

@description('Storage account.')
param storageName string

@description('Namespace of the queue of changes.')
param busName string

@description('Namespace that Dynamics posts to; empty: none.')
param noticesName string

@description('Vault.')
param vaultName string

@description('Application Insights.')
param insightsName string

// Ids of Azure's built-in roles, the same in every tenant and cloud.
var roleIds = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  serviceBusDataReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
  serviceBusDataSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: busName
}

resource changes 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: bus
  name: 'changes'
}

resource changesDry 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: bus
  name: 'changes-dry'
}

// Names are read even of what is not made, and must be names then.
resource notices 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: empty(noticesName) ? 'no-door' : noticesName
}

resource noticesQueue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: notices
  name: 'dataverse-notices'
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

@description('The Functions host keeps leases of timers, its function keys and the deployed package in blobs of containers that it makes itself.')
resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, appPrincipalId, roleIds.storageBlobDataOwner)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageBlobDataOwner)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The app keeps all its state in tables of this account and makes those that are missing.')
resource stateTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, appPrincipalId, roleIds.storageTableDataContributor)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.storageTableDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The lanes take changes and the dead letters of this queue; peeking counts what waits.')
resource takesChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(changes.id, appPrincipalId, roleIds.serviceBusDataReceiver)
  scope: changes
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.serviceBusDataReceiver)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('Notices, sweeps, delays and redrives put changes onto this queue.')
resource queuesChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(changes.id, appPrincipalId, roleIds.serviceBusDataSender)
  scope: changes
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.serviceBusDataSender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('A dry run takes its changes from a queue of its own.')
resource takesDryChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(changesDry.id, appPrincipalId, roleIds.serviceBusDataReceiver)
  scope: changesDry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.serviceBusDataReceiver)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('A dry run puts its changes onto that queue.')
resource queuesDryChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(changesDry.id, appPrincipalId, roleIds.serviceBusDataSender)
  scope: changesDry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.serviceBusDataSender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The app takes what Dynamics posts to its queue; it never sends there.')
resource takesNotices 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(noticesName)) {
  name: guid(noticesQueue.id, appPrincipalId, roleIds.serviceBusDataReceiver)
  scope: noticesQueue
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.serviceBusDataReceiver)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('The platform reads the app\'s secrets with the app\'s identity when it resolves Key Vault references. Read only.')
resource readsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, roleIds.keyVaultSecretsUser)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.keyVaultSecretsUser)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('Application Insights takes no telemetry without a role, its local auth being off.')
resource sendsTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, appPrincipalId, roleIds.monitoringMetricsPublisher)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.monitoringMetricsPublisher)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

@description('Operators rotate secrets without a deployment.')
resource rotateSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorGroupId)) {
  name: guid(vault.id, operatorGroupId, roleIds.keyVaultSecretsOfficer)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.keyVaultSecretsOfficer)
    principalId: operatorGroupId
    principalType: 'Group'
  }
}
