import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundaryOf, parseInnerRequest, parseMultipart } from "../../../infra/local/dataverse/batch/multipart.js";
import {
  type AnswerPart,
  type BatchAnswer,
  type BatchRequest,
  readBatch,
  writeBatch,
} from "../../../shared/dataverse/batch.js";
import { MalformedError } from "../../../shared/errors.js";

// Text that looks as much like parts of a batch as it can.
const nastyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\r\n",
        "\n",
        "\r\n\r\n",
        "--",
        "--batch_b",
        "--changeset_b_0",
        "--batchresponse_r--",
        "HTTP/1.1 200 OK",
      ),
      fc.string({ unit: "grapheme", maxLength: 12 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(""));
const headerValue = fc.string({ minLength: 1, maxLength: 12 }).map((text) => `v${text.trim()}`);
const headerName = fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,10}$/);
const headers = fc.dictionary(headerName, headerValue, { maxKeys: 3, noNullPrototype: true });

const request: fc.Arbitrary<BatchRequest> = fc.record({
  method: fc.constantFrom("GET" as const, "POST" as const, "PATCH" as const, "DELETE" as const),
  url: fc.stringMatching(/^\/api\/[!-~]{0,20}$/),
  headers: headers.map((all) => Object.fromEntries(Object.entries(all).map(([name, value]) => [`X-${name}`, value]))),
  body: nastyText,
});
const requestPart = fc.oneof(request, fc.record({ changeSet: fc.array(request, { minLength: 1, maxLength: 3 }) }));

const answer: fc.Arbitrary<BatchAnswer> = fc.record({
  status: fc.integer({ min: 100, max: 599 }),
  headers: headers.map((all) =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name.toLowerCase(), value])),
  ),
  text: nastyText,
});
const answerPart: fc.Arbitrary<AnswerPart> = fc.oneof(
  answer,
  fc.record({ changeSet: fc.array(answer, { minLength: 1, maxLength: 3 }) }),
);

/** The answers as Dataverse writes them; ends of lines as given. */
function answered(parts: readonly AnswerPart[], boundary = "batchresponse_r7", eol = "\r\n"): string {
  const single = ({ status, headers, text }: BatchAnswer): string =>
    [
      "Content-Type: application/http",
      "Content-Transfer-Encoding: binary",
      "",
      `HTTP/1.1 ${status} Said`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      "",
      text,
    ].join(eol);
  const many = (texts: readonly string[], name: string): string =>
    `${texts.map((text) => `--${name}${eol}${text}${eol}`).join("")}--${name}--${eol}`;
  const texts = parts.map((part, index) => {
    if (!("changeSet" in part)) return single(part);
    const inner = `changesetresponse_r7_${index}`;
    return `Content-Type: multipart/mixed; boundary=${inner}${eol}${eol}${many(part.changeSet.map(single), inner)}`;
  });
  return many(texts, boundary);
}

const type = "multipart/mixed; boundary=batchresponse_r7";
const ok = (text: string): BatchAnswer => ({ status: 200, headers: {}, text });

describe("writing a batch", () => {
  it("writes every request, alone or in its change set, as another reader finds it, whatever is in it", () => {
    fc.assert(
      fc.property(fc.array(requestPart, { minLength: 1, maxLength: 4 }), (parts) => {
        const { contentType, body } = writeBatch(parts, "b");

        const read = parseMultipart(body, boundaryOf(contentType) ?? "").map((part) => {
          const inner = boundaryOf(part.headers["content-type"]);
          return inner === undefined
            ? [parseInnerRequest(part)]
            : parseMultipart(part.body, inner).map(parseInnerRequest);
        });

        const given = parts.map((part) => ("changeSet" in part ? part.changeSet : [part]));
        expect(read.map((part) => part.map(({ method, url, body }) => ({ method, url, body })))).toEqual(
          given.map((part) => part.map(({ method, url, body }) => ({ method, url, body }))),
        );
        expect(read.flat().map(({ headers: { "content-type": _type, ...rest } }) => Object.values(rest))).toEqual(
          given.flat().map(({ headers = {} }) => Object.values(lowered(headers))),
        );
      }),
    );
  });

  it("gives every part of every change set an id of its own, and parts outside none", () => {
    const part: BatchRequest = { method: "POST", url: "/api/data/v9.2/tasks", body: "{}" };

    const { body } = writeBatch(
      [{ changeSet: [part, part] }, part, { changeSet: [part, { ...part, contentId: "x" }] }],
      "b",
    );

    expect([...body.matchAll(/Content-ID: (\S+)/g)].map(([, id]) => id)).toEqual(["1", "2", "3", "x"]);
  });

  it("ends every line as the standard says", () => {
    const { body } = writeBatch([{ changeSet: [{ method: "DELETE", url: "/api/data/v9.2/tasks(1)" }] }], "b");

    expect(body.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(body).toMatch(/^--batch_b\r\n[\s\S]*\r\n--batch_b--\r\n$/);
  });

  it.each<[string, BatchRequest]>([
    ["a URL", { method: "GET", url: "/api/data HTTP/1.1\r\nX: y" }],
    ["a header", { method: "GET", url: "/api", headers: { prefer: "a\r\nMSCRMCallerID: x" } }],
    ["the name of a header", { method: "GET", url: "/api", headers: { "a\nb": "c" } }],
  ])("refuses %s that would break out of its line", (_what, part) => {
    expect(() => writeBatch([part], "b")).toThrow(MalformedError);
  });
});

describe("reading the answer to a batch", () => {
  it.each(["\r\n", "\n"])("finds every answer whole and in its place, whatever is in it (lines end in %j)", (eol) => {
    fc.assert(
      fc.property(fc.array(answerPart, { minLength: 1, maxLength: 4 }), (parts) => {
        expect(readBatch(type, answered(parts, undefined, eol))).toEqual(parts);
      }),
    );
  });

  it("never takes an answer that is cut off for a whole one", () => {
    fc.assert(
      fc.property(
        fc.array(answerPart, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (parts, share) => {
          const whole = answered(parts).trimEnd();
          const cut = whole.slice(0, Math.floor((whole.length - 1) * share));

          expect(() => readBatch(type, cut)).toThrow(MalformedError);
        },
      ),
    );
  });

  it("throws nothing but MalformedError, whatever comes", () => {
    fc.assert(
      fc.property(fc.option(nastyText, { nil: undefined }), nastyText, (contentType, text) => {
        for (const said of [contentType, type, "multipart/mixed; boundary=b"]) {
          try {
            readBatch(said, text);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedError);
          }
        }
      }),
    );
  });

  it("keeps answers apart whose boundaries begin alike, and text that mentions a boundary", () => {
    const parts = [ok('{"a":"--batchresponse_r"}'), ok("--batchresponse_r7x\r\nx"), ok("see --batchresponse_r7--")];

    expect(readBatch(type, answered(parts))).toEqual(parts);
  });

  it("reads the failure of a change set alone and inside a change set", () => {
    const error = { status: 412, headers: { req_id: "r" }, text: '{"error":{"code":"0x80040237"}}' };
    const parts = [error, { changeSet: [error] }];

    expect(readBatch(type, answered(parts))).toEqual(parts);
  });

  it.each([
    ["no multipart", "application/json", "{}"],
    ["no boundary", "multipart/mixed", "--x--"],
    ["an HTML page", type, "<html><body>busy</body></html>"],
    ["nothing in it", type, "--batchresponse_r7--"],
    [
      "a part of another type",
      type,
      answered([]).replace("--b", "--batchresponse_r7\r\nContent-Type: text/html\r\n\r\nx\r\n--b"),
    ],
    ["a part without status", type, answered([ok("")]).replace("HTTP/1.1 200 Said", "Said")],
    ["a header without colon", type, answered([ok("")]).replace("HTTP/1.1 200 Said", "HTTP/1.1 200 Said\r\nnonsense")],
  ])("refuses %s", (_what, contentType, text) => {
    expect(() => readBatch(contentType, text)).toThrow(MalformedError);
  });
});

function lowered(all: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name.toLowerCase(), value]));
}
