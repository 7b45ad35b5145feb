import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { bundledPackages } from "../../infra/package/bundled.js";
import { makePackage, type Package } from "../../infra/package/make-package.js";
import { packageLines } from "../../infra/package/package-lines.js";
import { unpackPackage } from "../../infra/package/unpack.js";
import { filesIn, zipOf } from "../../infra/package/zip.js";

/** Every file below `folder`. */
function listed(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .sort();
}

let first: Package;
let files: Record<string, string>;

beforeAll(async () => {
  first = await makePackage(mkdtempSync(join(tmpdir(), "package-")));
  const held = Object.entries(filesIn(readFileSync(first.zip)));
  files = Object.fromEntries(held.map(([path, content]) => [path, new TextDecoder().decode(content)]));
});

describe("the package", () => {
  it("holds host.json, package.json, the bundle and the notices, and nothing else", () => {
    expect(Object.keys(files).sort()).toEqual([
      "THIRD-PARTY-NOTICES.txt",
      "dist/main.cjs",
      "host.json",
      "package.json",
    ]);
  });

  it("says in package.json where to start, as a path in the zip, and nothing else", () => {
    const manifest = JSON.parse(files["package.json"] ?? "");

    expect(Object.keys(manifest).sort()).toEqual(["main", "type", "version"]);
    expect(manifest.type).toBe("commonjs");
    expect(files).toHaveProperty([manifest.main]);
  });

  it("asks for the extensions of Service Bus, which the host does not bring itself", () => {
    const { extensionBundle } = JSON.parse(files["host.json"] ?? "");

    expect(extensionBundle).toEqual({
      id: "Microsoft.Azure.Functions.ExtensionBundle",
      version: "[4.0.0, 5.0.0)",
    });
  });

  it("is the same to the byte when it is made again over what an earlier run left, of which nothing stays", async () => {
    const bytes = readFileSync(first.zip);
    writeFileSync(join(first.folder, "dist", "stale.js"), "left by somebody");

    const again = await makePackage(dirname(first.zip));

    expect(Buffer.compare(readFileSync(again.zip), bytes)).toBe(0);
    expect(listed(dirname(again.zip))).toEqual(
      [...Object.keys(files).map((path) => join(basename(again.folder), path)), basename(again.zip)].sort(),
    );
  });

  it("names no folder of the machine that made it, and points to no source map", () => {
    const all = Object.values(files).join("\n");

    for (const folder of [process.cwd(), homedir(), dirname(first.zip)]) expect(all).not.toContain(`${folder}/`);
    expect(all).not.toContain("sourceMappingURL");
    expect(all).not.toContain("sourcesContent");
  });

  it("brings the licence of every package in the bundle, with its version", () => {
    const notices = files["THIRD-PARTY-NOTICES.txt"] ?? "";
    const others = first.contributors.filter(({ folder }) => folder !== "");

    expect(others.length).toBeGreaterThan(50);
    expect(others.filter(({ name }) => !notices.includes(`\n${name} `))).toEqual([]);
    expect(notices).toMatch(/\nrhea 3\.\d+\.\d+ \(Apache-2\.0\)\n\n[^-]*Apache License/);
  });

  it("unpacks into a folder from where no node_modules is in reach", () => {
    const folder = unpackPackage(first.zip);

    const inReach: string[] = [];
    for (let above = folder; above !== dirname(above); above = dirname(above)) {
      if (existsSync(join(above, "node_modules"))) inReach.push(above);
    }
    expect(inReach).toEqual([]);
    expect(readFileSync(join(folder, "host.json"), "utf8")).toBe(files["host.json"]);
  });

  it.each(["package.json", "no-such.zip"])("is not what %s is, and that is said with how to make one", (file) => {
    expect(() => unpackPackage(file)).toThrow(`${file} cannot be read as a package: make one with npm run package`);
  });

  it("is described by its files, their sizes and the packages that weigh most", () => {
    const lines = packageLines(first);

    expect(lines[0]).toMatch(/package\.zip {1,8}\d+\.\d kB, unpacked in /);
    for (const path of Object.keys(files)) expect(lines.join("\n")).toMatch(new RegExp(`\\d kB {2}${path}$`, "m"));
    expect(lines.findIndex((line) => line.includes("zod"))).toBeLessThan(
      lines.findIndex((line) => line.endsWith("other packages")),
    );
  });
});

describe("zipOf", () => {
  it.each(["America/Los_Angeles", "Pacific/Auckland"])("makes the same bytes on a machine in %s", (zone) => {
    const program = `import { zipOf } from "./infra/package/zip.ts";
      process.stdout.write(Buffer.from(zipOf({ "a/b.txt": new Uint8Array([1, 2]) })).toString("base64"));`;

    const there = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", program], {
      env: { ...process.env, TZ: zone },
      encoding: "utf8",
    });

    const here = zipOf({ "a/b.txt": new Uint8Array([1, 2]) });
    expect(there.stdout).toBe(Buffer.from(here).toString("base64"));
  });

  it("keeps the files and their paths", () => {
    const files = { "b.txt": new Uint8Array([1]), "a/b.txt": new Uint8Array() };

    const zip = zipOf(files);

    expect(filesIn(zip)).toEqual(files);
  });
});

describe("bundledPackages", () => {
  it("counts a package in two versions twice, by where each is installed, and our own code as one", () => {
    const inputs = {
      "functions/startup.ts": { bytesInOutput: 1 },
      "shared/errors.ts": { bytesInOutput: 2 },
      "node_modules/a/index.js": { bytesInOutput: 30 },
      "node_modules/@b/c/lib/x.js": { bytesInOutput: 4 },
      "node_modules/@b/c/node_modules/a/index.js": { bytesInOutput: 50 },
    };
    const output = { inputs, bytes: 100, imports: [], exports: [] };

    const packages = bundledPackages({ inputs: {}, outputs: { "main.cjs": output } });

    expect(packages).toEqual([
      { name: "a", folder: "node_modules/@b/c/node_modules/a", bytes: 50 },
      { name: "a", folder: "node_modules/a", bytes: 30 },
      { name: "@b/c", folder: "node_modules/@b/c", bytes: 4 },
      { name: "this product", folder: "", bytes: 3 },
    ]);
  });
});
