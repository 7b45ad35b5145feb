/**
 * The host will not start: each problem names the setting, function or file and what to do about it.
 * Never holds a key or a connection string.
 */
export class HostRefusal extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(
      problems.length === 1 ? problems[0] : `${problems.length} problems:\n  - ${problems.join("\n  - ")}`,
      options,
    );
    this.name = "HostRefusal";
    this.problems = problems;
  }
}
