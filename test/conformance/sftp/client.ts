import { once } from "node:events";
import { Client, type ClientChannel, type ConnectConfig, type FileEntry, type SFTPWrapper, type Stats } from "ssh2";

/** ssh2's own client, in promises. Errors carry the server's status code in `code`. */
export interface SftpClient {
  list(path: string): Promise<string[]>;
  read(path: string): Promise<string>;
  write(path: string, text: string, flags?: "w" | "wx" | "a"): Promise<void>;
  stat(path: string): Promise<Stats>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  realpath(path: string): Promise<string>;
  symlink(target: string, path: string): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  exec(command: string): Promise<void>;
  /** Opens another channel, says no more on it, as OpenSSH's client at the end of its input, and waits for the server to end it. */
  sayNoMore(): Promise<void>;
  close(): Promise<void>;
}

/** Logs in; rejects when the server does not let us. */
export async function connect(config: ConnectConfig): Promise<SftpClient> {
  const client = new Client();
  const ready = new Promise<void>((resolve, reject) => {
    client.once("ready", resolve);
    client.once("error", reject);
    client.once("close", () => reject(new Error("closed")));
  });
  client.connect({ ...config, readyTimeout: 10_000 });
  client.setNoDelay(true);
  await ready;
  client.on("error", () => undefined);
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
    client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper))),
  );
  const call = <T>(run: (done: (error: Error | null | undefined, result?: T) => void) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      const lost = (): void => reject(new Error("connection lost"));
      client.once("close", lost);
      run((error, result) => {
        client.removeListener("close", lost);
        if (error) reject(error);
        else resolve(result as T);
      });
    });
  return {
    list: async (path) => {
      const entries = await call<FileEntry[]>((done) => sftp.readdir(path, done));
      return entries
        .map(({ filename }) => filename)
        .filter((name) => !/^\.\.?$/.test(name))
        .sort();
    },
    read: async (path) => (await call<Buffer>((done) => sftp.readFile(path, done))).toString("utf8"),
    write: (path, text, flag = "w") =>
      call<void>((done) => sftp.writeFile(path, text, { flag }, (error) => done(error))),
    stat: (path) => call<Stats>((done) => sftp.stat(path, done)),
    mkdir: (path) => call<void>((done) => sftp.mkdir(path, (error) => done(error))),
    rmdir: (path) => call<void>((done) => sftp.rmdir(path, (error) => done(error))),
    remove: (path) => call<void>((done) => sftp.unlink(path, (error) => done(error))),
    rename: (from, to) => call<void>((done) => sftp.rename(from, to, (error) => done(error))),
    realpath: (path) => call<string>((done) => sftp.realpath(path, done)),
    symlink: (target, path) => call<void>((done) => sftp.symlink(target, path, (error) => done(error))),
    truncate: (path, size) => call<void>((done) => sftp.setstat(path, { size }, (error) => done(error))),
    chmod: (path, mode) => call<void>((done) => sftp.chmod(path, mode, (error) => done(error))),
    sayNoMore: async () => {
      const channel = await call<ClientChannel>((done) => client.subsys("sftp", done));
      const closed = once(channel, "close");
      channel.resume().end();
      await closed;
    },
    exec: (command) => call<void>((done) => client.exec(command, (error) => done(error))),
    async close() {
      client.end();
      await Promise.race([once(client, "close"), new Promise((resolve) => setTimeout(resolve, 500).unref())]);
    },
  };
}
