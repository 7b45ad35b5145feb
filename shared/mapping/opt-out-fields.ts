/**
 * Wire names of Campaign's opt-out attributes, both spellings, and of the times kept of them (facts/campaign.md §7). They
 * are never ordinary targets of a mapping (design.md §5): a mapped value would overwrite a person's newer choice.
 */
export function isOptOutField(field: string): boolean {
  return /^((blackList|denyList)(All|Email|Fax|Mobile|Phone|PostalMail|Pushnotification)?|ccpaOptOut)(LastModified)?$/.test(
    field,
  );
}
