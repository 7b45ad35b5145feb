import { describe, expect, it } from "vitest";
import { parseRoute } from "../../../../infra/local/host/http/route.js";

describe("matching a route", () => {
  it.each([
    ["contacts", "contacts", {}],
    ["contacts", "Contacts/", {}],
    ["contacts", "contact", undefined],
    ["contacts", "contacts/1", undefined],
    ["contacts/{id}", "contacts/a%20b", { id: "a b" }],
    ["contacts/{id}", "contacts/", undefined],
    ["contacts/{id?}", "contacts", {}],
    ["{a}/x/{b}", "1/X/2", { a: "1", b: "2" }],
    ["{*rest}", "a/b/c", { rest: "a/b/c" }],
    ["{*rest}", "", { rest: "" }],
    ["f/{**rest}", "f/a/b", { rest: "a/b" }],
    ["{id:int}", "12", { id: "12" }],
    ["{id:int}", "99999999999", undefined],
    ["{id:int:min(5)}", "4", undefined],
    ["{id:range(1,3)}", "3", { id: "3" }],
    ["{id:guid}", "00000000-0000-4000-8000-000000000001", { id: "00000000-0000-4000-8000-000000000001" }],
    ["{id:guid}", "1", undefined],
    ["{name:alpha:length(2,3)?}", "abcd", undefined],
    ["{flag:bool}", "True", { flag: "True" }],
  ])("%s with %s gives %j", (template, path, expected) => {
    expect(parseRoute(template).match(path)).toEqual(expected);
  });
});

describe("of two routes that match", () => {
  it.each([
    ["a/b", "a/{x}"],
    ["a/{x:int}", "a/{x}"],
    ["a/{x}", "a/{*x}"],
    ["a/{*x}", "{x}/b"],
  ])("%s is asked before %s", (first, second) => {
    expect(parseRoute(first).order < parseRoute(second).order).toBe(true);
  });
});

describe("a route that is not imitated", () => {
  it.each(["{a=1}", "{a}-{b}", "x{a}", "{a:regex(x)}", "{a?}/b", "{*a}/b", "{a"])("%s is refused", (template) => {
    expect(() => parseRoute(template)).toThrow(RangeError);
  });
});
