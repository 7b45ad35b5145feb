import { readdirSync, readFileSync } from "node:fs";
import { type BicepFile, makeBicepParser } from "./parse.js";

/** Every Bicep and parameter file below `folder`, parsed. */
export async function readBicepFiles(folder: string): Promise<BicepFile[]> {
  const parse = await makeBicepParser();
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => /\.bicep(param)?$/.test(path) && !path.includes("node_modules"))
    .sort()
    .map((path) => parse(path, readFileSync(path, "utf8")));
}
