// Tables and blobs, queue and vault inside the network, under the names they have outside. Private zones are the only hosts written out:
// no function of Bicep answers them.

@description('Name of the deployment.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The network.')
param networkId string

@description('Its subnet for endpoints.')
param subnetId string

@description('Storage account.')
param storageId string

@description('Service Bus namespace.')
param busId string

@description('Vault.')
param vaultId string

var busZones = {
  AzureCloud: 'privatelink.servicebus.windows.net'
  AzureUSGovernment: 'privatelink.servicebus.usgovcloudapi.net'
  AzureChinaCloud: 'privatelink.servicebus.chinacloudapi.cn'
}

var vaultZones = {
  AzureCloud: 'privatelink.vaultcore.azure.net'
  AzureUSGovernment: 'privatelink.vaultcore.usgovcloudapi.net'
  AzureChinaCloud: 'privatelink.vaultcore.azure.cn'
}

var doors = [
  { group: 'blob', target: storageId, zone: 'privatelink.blob.${environment().suffixes.storage}' }
  { group: 'table', target: storageId, zone: 'privatelink.table.${environment().suffixes.storage}' }
  { group: 'namespace', target: busId, zone: busZones[environment().name] }
  { group: 'vault', target: vaultId, zone: vaultZones[environment().name] }
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for door in doors: {
  name: door.zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (door, index) in doors: {
  parent: zones[index]
  name: door.group
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: networkId }
  }
}]

resource endpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [for door in doors: {
  name: 'pe-${door.group}-${name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: door.group
        properties: {
          privateLinkServiceId: door.target
          groupIds: [door.group]
        }
      }
    ]
  }
}]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (door, index) in doors: {
  parent: endpoints[index]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: door.group
        properties: { privateDnsZoneId: zones[index].id }
      }
    ]
  }
}]
