// What flows need from the world. Adapters implement these (dataverse/, campaign/, messaging/, storage/); flows know nothing else.

import type { ResourceFields } from "../mapping/against-resource.js";
import type { CompiledMapping, Fields } from "../mapping/compile.js";
import type { TableMetadata } from "../mapping/table-metadata.js";
import type { Clock } from "../model/clock.js";
import type { Envelope } from "../model/envelope.js";
import type { RecordId, RowVersion } from "../model/ids.js";
import type { Row } from "../model/row.js";
import type { Binding } from "../storage/binding.js";
import type { CheckpointStore } from "../storage/checkpoints.js";
import type { ChildLinks } from "../storage/child-links.js";
import type { SettingsVersions } from "../storage/settings-versions.js";
import type { SyncStateStore } from "../storage/sync-state.js";
import type { OptOutPorts } from "./optout-ports.js";

/** A row as read, with the version it had. */
export interface VersionedRow {
  id: RecordId;
  version: RowVersion;
  row: Row;
  /** When the record last changed, and was created (epoch ms, cut to whole seconds): where the mapping has opt-outs, of a row that was asked for by its id. */
  changedAt?: number;
  createdAt?: number;
}

/** One page of a tracked read: ids only. `next` continues this read; `delta` is where the next read starts. Both are opaque. */
export interface TrackedPage {
  changed: readonly { id: RecordId; version: RowVersion }[];
  deleted: readonly RecordId[];
  next?: string;
  delta?: string;
}

/** One page of a full read; without `next` it was the last. */
export interface RowPage {
  rows: readonly VersionedRow[];
  next?: string;
}

/**
 * Dynamics as this product reads it. Every call may throw AuthError, ThrottledError, UnavailableError; none reports trouble as
 * "nothing there".
 */
export interface DynamicsSource {
  /** Organisation id of the environment behind the URL. */
  organizationId(): Promise<string>;
  /** The row now; MissingError only when Dataverse says that this row does not exist (0x80040217). */
  fetchRow(mapping: CompiledMapping, id: RecordId): Promise<VersionedRow>;
  /** Those of `ids` that exist, in one request; at most `maxIdsPerRead` of them. */
  fetchRows(mapping: CompiledMapping, ids: readonly RecordId[]): Promise<readonly VersionedRow[]>;
  /** Which of `ids` exist, in one request; at most `maxIdsPerRead` of them. */
  existing(mapping: CompiledMapping, ids: readonly RecordId[]): Promise<ReadonlySet<RecordId>>;
  /** A tracked read: from the start without `link`, else onward from it. RefusedError with code 0x80044352: the link expired. */
  readChanges(mapping: CompiledMapping, link: string | undefined): Promise<TrackedPage>;
  /** One page of all rows, from the start without `cursor`. */
  readPage(mapping: CompiledMapping, cursor: string | undefined, pageSize: number): Promise<RowPage>;
}

/** How many ids `fetchRows` takes: their query must fit into a URL of 32,768 characters. */
export const maxIdsPerRead = 250;

/** `mayEcho`: an earlier attempt of the call got no answer and may yet take effect, after the one that did. */
export interface Carried {
  mayEcho: boolean;
}

/**
 * Campaign as this product writes it, one record a call. No call starts or repeats after `deadline` (epoch ms).
 * RefusedError: Campaign said no for good. UnavailableError tells whether the call may have been carried out; any error whose context says `mayEcho`
 * followed an attempt that may yet take effect.
 */
export interface CampaignSink {
  /** Creates the record. ConflictError: its key exists already. */
  insert(mapping: CompiledMapping, key: string, fields: Fields, deadline: number): Promise<Carried>;
  /** Changes the record. MissingError: there is none with this key. */
  update(mapping: CompiledMapping, key: string, fields: Fields, deadline: number): Promise<Carried>;
  /** Deletes the record. MissingError: there is none with this key. */
  remove(mapping: CompiledMapping, key: string, deadline: number): Promise<Carried>;
}

/** A record of Campaign as it is now: the mapped target fields. A link that is set holds the parent as Campaign names it, not by its key. */
export interface HeldRecord {
  key: string;
  fields: Fields;
}

/** One page of a resource's records. `withoutKey` counts those that carry no key; without `next` (opaque) it was the last page. */
export interface HeldPage {
  records: readonly HeldRecord[];
  withoutKey: number;
  next?: string;
}

/**
 * Campaign as this product reads it; each read is one call. No call starts or repeats after `deadline` (epoch ms). Records that Campaign hides
 * (facts/campaign.md §3.5) are not there. Throws AuthError, ThrottledError, UnavailableError; TableError: no such resource or filter; MalformedError: an answer
 * that is none.
 */
export interface CampaignSource {
  /** What the record with this key holds; undefined: there is none, or it is hidden. */
  fetch(mapping: CompiledMapping, key: string, deadline: number): Promise<Fields | undefined>;
  /** One page of all records of the mapping's resource, from the start without `cursor`. */
  readPage(mapping: CompiledMapping, cursor: string | undefined, size: number, deadline: number): Promise<HeldPage>;
}

/** Queue `changes`. A send that throws may have been carried out in part: send the whole again. */
export interface ChangeQueue {
  send(envelopes: readonly Envelope[]): Promise<void>;
  /** Sends each bundle as one message; all of a bundle belong to one lane. */
  sendBundles(bundles: readonly (readonly Envelope[])[]): Promise<void>;
  /** Sends so that the message becomes visible at `at` (epoch ms). */
  schedule(envelope: Envelope, at: number): Promise<void>;
  /** Records waiting now or due within two seconds, by lane; lanes without any are left out. Counting stops at `limit` in all. */
  depths(limit: number): Promise<ReadonlyMap<string, number>>;
}

/** A record that could not be written, for an operator. Ids, codes and our own words only. */
export interface Failure {
  flow: "ingress" | "egress";
  table: string;
  id: RecordId;
  reason: string;
  code: string;
  message: string;
  attempts: number;
  cause: Envelope["cause"];
  correlationId: string;
}

/** Where failures go; the same record failing again updates its row, a later success resolves it. */
export interface FailureLog {
  report(failure: Failure): Promise<void>;
  resolve(table: string, id: RecordId): Promise<void>;
}

/** The published settings that hold now. `version` counts publications; the mappings that ship with the app are version 1. */
export interface SettingsInForce {
  version: number;
  /** By table. */
  mappings: ReadonlyMap<string, CompiledMapping>;
}

/** Where the settings in force come from. Both throw UnavailableError when they cannot be read. */
export interface SettingsSource {
  /** At most a second old. */
  current(): Promise<SettingsInForce>;
  /** The same, read anew if what is known is older than `version`: somebody has worked with that version already. */
  atLeast(version: number): Promise<SettingsInForce>;
}

/** What Dynamics says of its tables. AuthError: our user may not read definitions. */
export interface MetadataSource {
  /** Those of the tables that exist; of each, those of the columns named that exist. */
  tables(wanted: ReadonlyMap<string, ReadonlySet<string>>): Promise<ReadonlyMap<string, TableMetadata>>;
}

/** What Campaign says of its resources. */
export interface ResourceMetadataSource {
  /** Undefined: there is no such resource. */
  fields(resource: CompiledMapping["resource"]): Promise<ResourceFields | undefined>;
}

/** What publishing settings works with; made by services.ts, or by a test. */
export interface SettingsPorts {
  versions: SettingsVersions;
  metadata: MetadataSource;
  /** Without it nothing is said of Campaign's fields. */
  resources?: ResourceMetadataSource;
  checkpoints: CheckpointStore;
  clock: Clock;
}

/** What an operator, or the product itself, wants of the flow into Campaign now. */
export interface IngressControl {
  wanted: "running" | "stopped";
  /** Stopped only: is what is on the queue still worked off? */
  drain: boolean;
  /** Why a table's mapping is set aside, by table. */
  parked: ReadonlyMap<string, string>;
  /** Are opt-outs left alone, though records are written? */
  optOutsStopped?: boolean;
}

/** Control over the flow. Every method throws UnavailableError when it cannot be read or stored. */
export interface ControlSource {
  /** At most a second old. */
  current(): Promise<IngressControl>;
  /** A record of the table failed for good. Parks the mapping when so many different records failed with an equal `code` and none succeeded in between. */
  failed(table: string, id: RecordId, code: string, message: string): Promise<void>;
  /** Sets the table's mapping aside: until an operator says otherwise or, given `until` (epoch ms), until then. */
  park(table: string, code: string, message: string, until?: number): Promise<void>;
  /** A record of the table was written. Costs nothing unless failures were counted. */
  succeeded(table: string): Promise<void>;
}

/** A system that calls go to, with its token service. */
export type Peer = "campaign" | "dynamics";

/** The gates in front of the peers, shared by all instances (design.md §3, Errors). */
export interface Gates {
  /**
   * May work go on? Undefined: yes. Otherwise not before `until` (epoch ms), and then ask again: of all who ask after a pause one is let through as a
   * probe, `urgent` ones first.
   */
  admit(urgent: boolean): Promise<{ peer: Peer; until: number; reason: string } | undefined>;
  /** The peer itself has trouble: the gate closes, or stays closed for longer. */
  trouble(peer: Peer, error: unknown): Promise<void>;
  /** The peer worked: the gate opens. Costs nothing while it is open. */
  fine(peer: Peer): Promise<void>;
}

/** What the ingress flows work with; made by services.ts, or by a test. */
export interface IngressPorts {
  settings: SettingsSource;
  control: ControlSource;
  gates: Gates;
  /** The binding, verified against both systems a short while ago. BindingError: it does not match; nothing may be written. */
  binding(): Promise<Binding>;
  dynamics: DynamicsSource;
  campaign: CampaignSink;
  campaignSource: CampaignSource;
  queue: ChangeQueue;
  states: SyncStateStore;
  /** Which records wait for, or are linked to, which other one. */
  links: ChildLinks;
  checkpoints: CheckpointStore;
  failures: FailureLog;
  optOuts: OptOutPorts;
  clock: Clock;
  fingerprintKey: string;
  /** Time one Campaign call may take with all its attempts, in ms. Half as long again is allowed for it to take effect. */
  campaignBudgetMs: number;
  /** The `tag` our own writes to Dynamics carry. */
  ownTag: string;
}
