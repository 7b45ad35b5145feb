// What somebody is told of; docs/operate.md says what to do about each. Log alerts look for lines that the app writes (test/infra/bicep.test.ts and
// alerts.test.ts hold them to the code), metric alerts for what the platform itself measures.

@description('Name of the deployment.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Who is told.')
param emails string[]

@description('Minutes without a look of the monitor that count as an alarm.')
param quietMinutes int

@description('Application Insights.')
param insightsId string

@description('Log Analytics workspace.')
param workspaceId string

@description('Service Bus namespace.')
param busId string

@description('Namespace that Dynamics posts to; empty: none.')
param noticesId string

// Something was said: any line is one too many, unless `above` says so.
var usualLines = [
  {
    name: 'failed-records'
    what: 'Records that Campaign or the mapping refuses: read `failures`, mend, redrive.'
    query: 'traces | where message startswith "change " and message has "\\"outcome\\":\\"failed\\""'
    severity: 3
    above: 0
  }
  {
    name: 'dead-letters'
    what: 'Messages that no attempt got through: they are rows of `failures` now, or stay in the dead-letter queue.'
    query: 'traces | where message startswith "dead letter "'
    severity: 2
    above: 0
  }
  {
    name: 'sign-in'
    what: 'Dynamics or Campaign does not accept our credentials.'
    query: 'traces | where message has "\\"kind\\":\\"auth\\""'
    severity: 1
    above: 0
  }
  {
    name: 'failing-runs'
    what: 'Runs of a timer that failed several times: each says why.'
    query: 'traces | where message startswith "sweep failed " or message startswith "pulling events failed " or message startswith "pulling opt-outs failed " or message startswith "checking the events\' way failed " or message startswith "bringing history failed " or message startswith "comparing opt-outs failed " or message startswith "monitoring failed "'
    severity: 2
    above: 3
  }
  {
    name: 'http-errors'
    what: 'The webhook or the control API answers with errors: `GET /api/health` says why.'
    query: 'requests | where toint(resultCode) >= 500'
    severity: 2
    above: 5
  }
  {
    name: 'table-set-aside'
    what: 'A table that is not read as it should be; its ledger waits.'
    query: 'traces | where message startswith "table set aside "'
    severity: 2
    above: 0
  }
  {
    name: 'opt-outs-in-danger'
    what: 'Opt-outs that may be missed.'
    query: 'traces | where message startswith "opt-outs may be missed "'
    severity: 1
    above: 0
  }
  {
    name: 'events-in-danger'
    what: 'E-mail events that cannot come, or are lost.'
    query: 'traces | where message startswith "events in danger {" or message startswith "events lost "'
    severity: 2
    above: 0
  }
]

// The app's monitor names what stands still, or has been as it should not be for too long, by code, at every look while it lasts. Each code, and what it is
// about, is an alert of its own, which ends by itself. Codes are shared/flows/alarms.ts's (test/infra/alerts.test.ts).
var alarms = [
  {
    name: 'alarm'
    what: 'Something does not happen that should; the dimensions say what, the line what to do.'
    severity: 1
    codes: [
      'queue-stalled'
      'lane-stalled'
      'no-success'
      'checkpoint-old'
      'gate-closed'
      'token-ages'
      'not-measured'
      'secret-within-day'
      'secret-within-week'
    ]
  }
  {
    name: 'warning'
    what: 'It works, and somebody should look; the dimensions say at what.'
    severity: 3
    codes: [
      'oldest-message'
      'many-failures'
      'stopped-long'
      'parked-long'
      'secret-within-month'
    ]
  }
]

var busIds = empty(noticesId) ? [busId] : [busId, noticesId]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'sync'
    enabled: true
    emailReceivers: [for (email, index) in emails: {
      name: 'person-${index}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

var groupIds = empty(emails) ? [] : [people.id]

resource lineAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for line in usualLines: {
  name: '${line.name}-${name}'
  location: location
  tags: tags
  properties: {
    displayName: line.name
    description: line.what
    severity: line.severity
    enabled: true
    scopes: [insightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: line.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: line.above
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: groupIds }
  }
}]

resource alarmAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alarm in alarms: {
  name: '${alarm.name}-${name}'
  location: location
  tags: tags
  properties: {
    displayName: alarm.name
    description: alarm.what
    severity: alarm.severity
    enabled: true
    scopes: [insightsId]
    evaluationFrequency: 'PT5M'
    // Lines take minutes to arrive.
    windowSize: 'PT10M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'traces | where message startswith "alarm {" | extend facts = parse_json(substring(message, indexof(message, "{"))) | extend code = tostring(facts.code), about = tostring(facts.about)'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            { name: 'code', operator: 'Include', values: alarm.codes }
            { name: 'about', operator: 'Include', values: ['*'] }
          ]
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: groupIds }
  }
}]

// Who watches the monitor: its numbers come every minute, so that silence means that it, its trigger or the whole app stands still.
resource noMonitor 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'no-monitor-${name}'
  location: location
  tags: tags
  properties: {
    displayName: 'no-monitor'
    description: 'Nothing has been measured: no alarm can come either. See whether the app runs at all.'
    severity: 1
    enabled: true
    scopes: [insightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT${quietMinutes}M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'traces | where message startswith "measured "'
          timeAggregation: 'Count'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: groupIds }
  }
}

resource secretEnds 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'secret-ends-${name}'
  location: location
  tags: tags
  properties: {
    displayName: 'secret-ends'
    description: 'A secret of the vault ends within 30 days, or has ended: rotate it.'
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D'
    autoMitigate: false
    // The table is there only after the vault has said something.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: 'AzureDiagnostics | where ResourceType == "VAULTS" and OperationName in ("SecretNearExpiryEventGridNotification", "SecretExpiredEventGridNotification")'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: groupIds }
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = [for (id, index) in busIds: {
  name: 'dead-letter-queue-${index}-${name}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages lie in a dead-letter queue; those of `changes` should be rows of `failures` within a minute.'
    severity: 2
    enabled: true
    scopes: [id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Minimum'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [for group in groupIds: { actionGroupId: group }]
  }
}]

// A trigger that stands still throws nothing: messages wait, and none is completed.
resource stalled 'Microsoft.Insights/metricAlerts@2018-03-01' = [for (id, index) in busIds: {
  name: 'stalled-${index}-${name}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages wait and nothing takes them: restart the app; nothing is lost.'
    severity: 1
    enabled: true
    scopes: [id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'waiting'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ActiveMessages'
          timeAggregation: 'Minimum'
          operator: 'GreaterThan'
          threshold: 0
        }
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'taken'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'CompleteMessage'
          timeAggregation: 'Total'
          operator: 'LessThan'
          threshold: 1
        }
      ]
    }
    actions: [for group in groupIds: { actionGroupId: group }]
  }
}]
