// Campaign's eight opt-out attributes and what is known of them on either side (design.md §5). Pure.

/** The attributes, by what they forbid; `any`: contact by any channel. What Campaign calls them is campaign/opt-outs.ts. */
export const optOutAttributes = ["any", "email", "fax", "mobile", "phone", "postalMail", "push", "ccpa"] as const;
/** See `optOutAttributes`. */
export type OptOutAttribute = (typeof optOutAttributes)[number];

/** Whose choices count. `disabled`: nothing touches an opt-out. */
export const optOutDirections = ["disabled", "toCampaign", "toDynamics", "both"] as const;
/** See `optOutDirections`. */
export type OptOutDirection = (typeof optOutDirections)[number];

/** An attribute of a profile: its value, and when it last changed (epoch ms), if Campaign says: it never says for push, nor before the first change. */
export interface CampaignOptOut {
  value: boolean;
  at?: number | undefined;
}

/** The attributes of one profile. */
export type CampaignOptOuts = ReadonlyMap<OptOutAttribute, CampaignOptOut>;

/**
 * What was last seen, or written, of one attribute. `campaignAt` (epoch ms): the time Campaign gave for its value then. A side that is left out has
 * never been seen.
 */
export interface RememberedOptOut {
  dynamics?: boolean;
  campaign?: boolean;
  campaignAt?: number;
}

/**
 * What is remembered of one record. `version`: of its row when both sides were last compared. `createdAt` (epoch ms): another one means that the row
 * was deleted and made anew under its id. `open`: something was about to be written, and nobody knows whether it was. `word`: the operator's word that
 * was acted on last; each holds once.
 */
export interface RememberedOptOuts {
  version?: string;
  createdAt?: number;
  open?: boolean;
  word?: string;
  attributes: Readonly<Partial<Record<OptOutAttribute, RememberedOptOut>>>;
}
