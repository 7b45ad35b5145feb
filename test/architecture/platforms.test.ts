// What would break on Windows or macOS without anybody noticing here (docs/platforms.md): names of files, package scripts, and ways to start programs.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const skipped = new Set(["node_modules", "dist", ".git", ".local"]);

/** All files of the repository, with `/` between folders. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}
const files = filesIn(".");

/** Ways to say a thing that one of the platforms does not understand, and what to write instead. */
const rules: readonly { pattern: RegExp; instead: string }[] = [
  {
    pattern: /import\.meta\.url\)?\)\.pathname/,
    instead: "fileURLToPath(new URL(…)): a drive letter follows a slash there",
  },
  { pattern: /["'`]\/(tmp|dev\/null|var|etc)\b/, instead: "os.tmpdir(), or stdio 'ignore'" },
  {
    pattern: /(spawn|execFile|exec)(Sync)?\(\s*["'`](npm|npx|tsx|vitest|sh|bash)\b/,
    instead: "process.execPath with the script: npm and its like are .cmd files there",
  },
  {
    pattern: /process\.kill\(-/,
    instead: "processes that end with their parent (infra/local/child.ts): there are no groups",
  },
  { pattern: /startsWith\(`\$\{\w+\}\/`\)/, instead: "path.sep, where it is a path of this machine" },
  { pattern: /import\(\s*(path\)|file\)|resolve\(|join\()/, instead: "pathToFileURL(…).href" },
];

/** Lines that break a rule, but for those that name a program of one platform on purpose. */
function broken(source: string): string[] {
  return rules.flatMap(({ pattern, instead }) => (pattern.test(source) ? [instead] : []));
}

/** Things of a POSIX shell that cmd.exe, in which npm runs scripts on Windows, has not. */
const shellOnly = [
  { what: "a variable before a command", pattern: /(^|&& )[A-Z_]+=\S* / },
  { what: "a variable", pattern: /\$\w|\$\{/ },
  { what: "quotes that quote nothing", pattern: /'[^']* [^']*'/ },
  { what: "a semicolon", pattern: /;\s/ },
  {
    what: "a program of POSIX",
    pattern: /(^|&& |\| )(rm|cp|mv|mkdir|cat|touch|export|chmod|find|grep|sed|sh|bash|\.\/\S+)\b/,
  },
  { what: "a substitution", pattern: /`|\$\(/ },
];

describe("names of files", () => {
  it("are allowed on every platform", () => {
    const refused = files.filter((file) =>
      file.split("/").some((name) => /[<>:"\\|?*]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)),
    );

    expect(refused).toEqual([]);
  });

  it("do not differ in upper and lower case only, and are short enough to be checked out", () => {
    const lower = files.map((file) => file.toLowerCase());

    expect(lower.filter((file, index) => lower.indexOf(file) !== index)).toEqual([]);
    expect(files.filter((file) => file.length > 180)).toEqual([]);
  });

  it("lead to text with line feeds, whatever git is told to make of it", () => {
    expect(readFileSync(".gitattributes", "utf8")).toContain("* text=auto eol=lf");
  });
});

describe("package scripts", () => {
  const scripts: Record<string, string> = JSON.parse(readFileSync("package.json", "utf8")).scripts;

  it.each(Object.entries(scripts))("%s runs in any shell", (_, script) => {
    const found = shellOnly.filter(({ pattern }) => pattern.test(script)).map(({ what }) => what);

    expect(found).toEqual([]);
  });
});

describe("the source", () => {
  it("starts programs and finds files as every platform does", () => {
    const sources = files.filter((file) => /^(functions|shared|infra)\/.*\.ts$/.test(file));

    const problems = sources.flatMap((file) =>
      broken(readFileSync(join(".", file), "utf8")).map((instead) => `${file}: write ${instead}`),
    );

    expect(sources.length).toBeGreaterThan(200);
    expect(problems).toEqual([]);
  });

  it.each([
    ['new URL("../x.ts", import.meta.url).pathname'],
    ['writeFileSync("/tmp/x", "")'],
    ['spawn("npm", ["ci"])'],
    ["process.kill(-child.pid)"],
    [["real.startsWith(`$", "{root}/`)"].join("")],
    ["await import(path)"],
  ])("would be told of %s", (source) => {
    expect(broken(source)).toHaveLength(1);
  });
});

describe("azure.yaml", () => {
  it("has a hook for each platform, for azd runs none of the other's", () => {
    const yaml = readFileSync("azure.yaml", "utf8");

    const hooked = yaml.match(/^ +(posix|windows):$/gm)?.map((line) => line.trim());
    expect(new Set(hooked)).toEqual(new Set(["posix:", "windows:"]));
  });
});
