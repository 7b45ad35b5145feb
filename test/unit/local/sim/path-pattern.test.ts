import { expect, it } from "vitest";
import { makeNameMatcher, toPathPattern } from "../../../../infra/local/sim/path-pattern.js";

it.each([
  ["/api/data/v9.2/contacts(223f05ea-7593-f011-b4cc-000d3aa25840)", "/api/data/v9.2/contacts(*)"],
  ["/api/data/v9.2/contacts(acs_externalid=%27C-1%27)/lastname", "/api/data/v9.2/contacts(*)/lastname"],
  ["/campaign/profileAndServices/profile/@abc_-1", "/campaign/profileAndServices/profile/*"],
  ["/profile/223f05ea-7593-f011-b4cc-000d3aa25840", "/profile/*"],
  ["/history/123456", "/history/*"],
  ["/api/data/v9.2/WhoAmI", "/api/data/v9.2/WhoAmI"],
])("counts %s under %s", (path, pattern) => {
  expect(toPathPattern(path)).toBe(pattern);
});

it.each([
  ["orders", ["orders", "ORDERS"]],
  ["or*", ["orders", "ORDERS", "orders/$DeadLetterQueue"]],
  ["*/$deadletterqueue", ["orders/$DeadLetterQueue"]],
  ["*", ["orders", "ORDERS", "my-orders", "orders/$DeadLetterQueue"]],
])("holds the name glob %s against whole names in any case", (glob, expected) => {
  const names = ["orders", "ORDERS", "my-orders", "orders/$DeadLetterQueue"];

  expect(names.filter(makeNameMatcher(glob))).toEqual(expected);
});
