import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const LISTENING = '0A';

/** Inodes of the sockets that listen on `port`, from the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${wanted}`) && fields[3] === LISTENING)
    .flatMap((fields) => (fields[9] ? [fields[9]] : []));
}

/** Local addresses of the sockets of `inodes` that listen, from the text of /proc/net/tcp or tcp6. */
export function listeningAddresses(table: string, inodes: ReadonlySet<string>): string[] {
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTENING && inodes.has(fields[9] ?? ''))
    .map((fields) => {
      const [host = '', port = ''] = (fields[1] ?? '').split(':');
      const v4 = host.length === 8 ? host.match(/../g)!.reverse() : undefined;
      const shown = v4 ? v4.map((byte) => parseInt(byte, 16)).join('.') : /^0+$/.test(host) ? '[::]' : '[ipv6]';
      return `${shown}:${parseInt(port, 16)}`;
    });
}

/** The command line from the text of /proc/<pid>/cmdline, cut to one short line; the program without its folder. */
export function commandText(cmdline: string, limit = 120): string {
  const [program = '', ...args] = cmdline.split('\0');
  const text = [basename(program), ...args].join(' ').trim();
  return text.length > limit ? `${text.slice(0, limit)}...` : text;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function socketsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}

/** The process that listens on a port of this machine; undefined if unknown (another account, no /proc). */
export function portOwner(port: number): { pid: number; command: string } | undefined {
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeningInodes(read(file), port));
  if (inodes.length === 0) return undefined;
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  let pids: string[] = [];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return undefined;
  }
  const pid = pids.find((candidate) => socketsOf(candidate).some((socket) => wanted.has(socket)));
  return pid ? { pid: Number(pid), command: commandText(read(`/proc/${pid}/cmdline`)) } : undefined;
}

/** The addresses on which a process accepts TCP connections; undefined if unknown. */
export function listeningOf(pid: number): string[] | undefined {
  const sockets = socketsOf(String(pid));
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map(read);
  if (sockets.length === 0 || tables[0] === '') return undefined;
  const inodes = new Set(sockets.flatMap((socket) => /^socket:\[(\d+)\]$/.exec(socket)?.[1] ?? []));
  return tables.flatMap((table) => listeningAddresses(table, inodes));
}
