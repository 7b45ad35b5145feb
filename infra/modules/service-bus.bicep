// The queues. Their properties are those of shared/messaging/queues.ts; test/infra/bicep.test.ts holds both equal.

@description('Name of the namespace.')
@maxLength(42)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Tier. Basic has no sessions.')
@allowed(['Standard', 'Premium'])
param tier string

@description('May it be reached from the internet, with an identity?')
param isPublic bool

@description('Does Dynamics post to a queue?')
param busDoor bool

var queues = {
  changes: {
    requiresSession: true
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
  'changes-dry': {
    requiresSession: true
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
  'dataverse-notices': {
    requiresSession: false
    lockDuration: 'PT1M'
    maxDeliveryCount: 10
    requiresDuplicateDetection: false
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
}

// An endpoint reads https://HOST:443/.
func hostOf(endpoint string) string => split(split(endpoint, '/')[2], ':')[0]

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: tier == 'Premium' ? { name: 'Premium', tier: 'Premium', capacity: 1 } : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'
  }
}

resource changes 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'changes'
  properties: queues.changes
}

// What a dry run looks at: what waits for the real run is not touched by it.
resource changesDry 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'changes-dry'
  properties: queues['changes-dry']
}

// Dynamics knows no identities here: it signs in with a key. Keys are a matter of a whole namespace, so this is one of its own, and it stays
// open to the internet, where Dynamics is.
resource notices 'Microsoft.ServiceBus/namespaces@2024-01-01' = if (busDoor) {
  name: '${name}-door'
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: false
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource noticesQueue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = if (busDoor) {
  parent: notices
  name: 'dataverse-notices'
  properties: queues['dataverse-notices']
}

resource sender 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = if (busDoor) {
  parent: noticesQueue
  name: 'dynamics-sends'
  properties: { rights: ['Send'] }
}

output id string = namespace.id
output name string = namespace.name

@description('Its host, whatever the cloud.')
output host string = hostOf(namespace.properties.serviceBusEndpoint)

output noticesId string = busDoor ? notices.id : ''
output noticesName string = busDoor ? notices.name : ''
output noticesHost string = busDoor ? hostOf(notices!.properties.serviceBusEndpoint) : ''
output noticesPolicy string = busDoor ? sender.name : ''
