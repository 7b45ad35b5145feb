// A certificate authority of a company: X.509 written by hand, since Node signs but issues nothing (RFC 5280). For tests only.

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A certificate that vouches for itself, and its key, as PEM. */
export interface SelfSigned {
  certificate: string;
  key: string;
}

/** Makes one for these host names, valid from yesterday for two days. */
export function makeSelfSigned(hosts: readonly string[], now = Date.now()): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(set(sequence(oid(commonName), tagged(0x0c, "Company CA of a test"))));
  const algorithm = sequence(oid(ecdsaWithSha256));
  const extensions = sequence(
    sequence(oid(basicConstraints), tagged(0x04, sequence(tagged(0x01, Buffer.from([0xff]))))),
    sequence(oid(subjectAltName), tagged(0x04, sequence(...hosts.map((host) => tagged(0x82, host))))),
  );
  const toBeSigned = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    name,
    sequence(time(now - dayMs), time(now + dayMs)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, extensions),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", toBeSigned, privateKey)]);
  const certificate = sequence(toBeSigned, algorithm, tagged(0x03, signature));
  return {
    certificate: pem("CERTIFICATE", certificate),
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}

const dayMs = 24 * 3_600_000;
const commonName = [0x55, 0x04, 0x03];
const basicConstraints = [0x55, 0x1d, 0x13];
const subjectAltName = [0x55, 0x1d, 0x11];
const ecdsaWithSha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/** Tag, length, content: all there is to DER. */
function tagged(tag: number, ...content: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(content.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const size = body.length < 0x80 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}
const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts);
const set = (...parts: readonly Buffer[]): Buffer => tagged(0x31, ...parts);
const oid = (encoded: readonly number[]): Buffer => tagged(0x06, Buffer.from(encoded));
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes);
/** UTCTime: two digits for the year. */
const time = (at: number): Buffer =>
  tagged(0x17, `${new Date(at).toISOString().replaceAll(/[-:T]/g, "").slice(2, 14)}Z`);

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
