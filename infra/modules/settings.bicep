// Settings that may differ from their defaults, by name; docs/settings.md says what each one is. No secrets: those come from the vault.

@export()
@sealed()
@description('Settings of the app that are not as usual. Numbers are text, too.')
type appSettings = {
  DRY_RUN: ('on' | 'off')?
  CAMPAIGN_URL: string?
  CAMPAIGN_IMS_URL: string?
  CAMPAIGN_SCOPES: string?
  CAMPAIGN_CALL_SECONDS: string?
  CAMPAIGN_RATE_CALLS: string?
  CAMPAIGN_RATE_SECONDS: string?
  SWEEP_SCHEDULE: string?
  LOAD_PAGE_SIZE: string?
  LOAD_QUEUE_DEPTH: string?
  PARK_AFTER: string?
  DECISIONS_RETENTION_DAYS: string?
  EVENTS_RETENTION_DAYS: string?
  EGRESS_TYPES: string?
  EGRESS_TASKS: string?
  EGRESS_SCHEDULE: string?
  EGRESS_PREFIX: string?
  EGRESS_TABLES: string?
  EGRESS_CHECKS_SCHEDULE: string?
  MONITOR_SCHEDULE: string?
  MONITOR_LIMITS: string?
  OTEL_EXPORTER_OTLP_ENDPOINT: string?
  OTEL_SERVICE_NAME: string?
  EVENTS_SOURCE: ('rest' | 'files')?
  EVENTS_API: ('profileAndServicesExt' | 'customResources')?
  EVENTS_RESOURCE: string?
  EVENTS_ORDER: string?
  EVENTS_FILTER: string?
  EVENTS_SINCE_PARAMETER: string?
  EVENTS_SINCE_FORMAT: ('space' | 'iso' | 'literal')?
  EVENTS_FIELDS: string?
  EVENTS_WORKFLOWS: string?
  EVENTS_FILES: string?
  EVENTS_SETTLED_SECONDS: string?
  OPTOUT_SCHEDULE: string?
  OPTOUT_SOURCE: ('rest' | 'files')?
  OPTOUT_FILTER: string?
  OPTOUT_FILTER_ON: ('times' | 'lastModified')?
  OPTOUT_SINCE_PARAMETER: string?
  OPTOUT_SINCE_FORMAT: ('space' | 'iso' | 'literal')?
  OPTOUT_FILES: string?
  OPTOUT_FILES_KEY: string?
  OPTOUT_SETTLED_SECONDS: string?
  OWN_TAG: string?
}
