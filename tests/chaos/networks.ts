/** Networks of their own on one machine, each with one cable to it that can be pulled out. */
import { execFileSync } from "node:child_process";

export interface Network {
  /** What a command begins with that is to run in it. */
  readonly enter: readonly string[];
  pullOut(): void;
  plugIn(): void;
}

export interface Networks {
  /** The address of this machine for those in them. */
  readonly address: string;
  readonly all: readonly Network[];
  remove(): void;
}

const ip = (line: string): string => execFileSync("ip", line.split(" "), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** @returns what is missing, by name, where they cannot be made on this machine */
export function makeNetworks(count: number): Networks | string {
  const name = `as${process.pid % 100_000}`;
  const subnet = `10.${200 + (process.pid % 50)}.${(process.pid >> 6) % 250}`;
  const address = `${subnet}.1`;
  const remove = (): void => {
    for (const line of [...Array.from({ length: count }, (_, at) => `netns del ${name}n${at}`), `link del ${name}b`]) {
      try {
        ip(line);
      } catch {
        // It was not made.
      }
    }
  };
  try {
    ip(`link add ${name}b type bridge`);
    ip(`addr add ${address}/24 dev ${name}b`);
    ip(`link set ${name}b up`);
    const all = Array.from({ length: count }, (_, at): Network => {
      const [space, here, there] = [`${name}n${at}`, `${name}h${at}`, `${name}t${at}`];
      ip(`netns add ${space}`);
      ip(`link add ${here} type veth peer name ${there}`);
      ip(`link set ${there} netns ${space}`);
      ip(`link set ${here} master ${name}b`);
      ip(`link set ${here} up`);
      ip(`-n ${space} addr add ${subnet}.${at + 2}/24 dev ${there}`);
      ip(`-n ${space} link set ${there} up`);
      ip(`-n ${space} link set lo up`);
      return {
        enter: ["ip", "netns", "exec", space],
        pullOut: () => ip(`link set ${here} down`),
        plugIn: () => ip(`link set ${here} up`),
      };
    });
    return { address, all, remove };
  } catch (error) {
    remove();
    const { code, stderr = "", message } = error as { code?: string; stderr?: string; message: string };
    return code === "ENOENT"
      ? "the program `ip` (Debian's iproute2)"
      : `rights for network namespaces (CAP_SYS_ADMIN and CAP_NET_ADMIN; ${stderr.trim() || message})`;
  }
}
