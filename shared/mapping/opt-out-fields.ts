/**
 * Wire names of Campaign's opt-out attributes, both spellings (facts/campaign.md §7.2). They are never ordinary targets of a
 * mapping (design.md §5): a mapped value would overwrite a person's newer choice.
 */
export function isOptOutField(field: string): boolean {
  return /^(blackList|denyList)(Email|Fax|Mobile|Phone|PostalMail|Pushnotification)?$|^ccpaOptOut$/.test(field);
}
