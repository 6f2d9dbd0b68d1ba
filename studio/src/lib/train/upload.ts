// Upload of the visitor's images: one request per file, a few at a time.
import { errorMessage, get } from "../api";
import { strings } from "../preferences.svelte";
import type { Upload } from "./runs";

export interface LocalFile {
  /** relative path, which is kept on the server */
  path: string;
  file: File;
}

const SUFFIXES = /\.(a?png|jpe?g?|jf?if?|bmp|dib|gif|webp|tiff?|p[pgbnf]m|zip)$/i;
/** Tables of labels that the server reads. */
const TABLES = /(^|\/)(metadata|labels?|dataset)\.(csv|tsv|jsonl|ndjson|json)$/i;
const CONCURRENT_REQUESTS = 4;
/** Maximum number of files that the server accepts one by one; a zip may contain more. */
const MAX_FILES = 20_000;
const MAX_NAME_LENGTH = 56;

/** Keep images, zips and tables of labels, without hidden files; nothing if there are only tables. */
export function selectImages(files: LocalFile[]): LocalFile[] {
  const kept = files.filter(
    ({ path }) => (SUFFIXES.test(path) || TABLES.test(path)) && !path.split("/").some((part) => part.startsWith(".")),
  );
  return kept.some(({ path }) => SUFFIXES.test(path)) ? kept : [];
}

/** List all dropped files, including those in dropped folders. */
export async function listDropped(items: DataTransferItemList): Promise<LocalFile[]> {
  const files: Promise<LocalFile[]>[] = [];
  for (const item of items) { // without await: the items are gone after this task
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    if (entry) files.push(listEntry(entry));
    if (file) files.push(Promise.resolve([{ path: file.name, file }]));
  }
  return (await Promise.all(files)).flat();
}

async function listEntry(entry: FileSystemEntry): Promise<LocalFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: LocalFile[] = [];
  for (;;) { // a call returns at most 100 entries
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) return files;
    files.push(...(await Promise.all(batch.map(listEntry))).flat());
  }
}

/** List the files of a file input. */
export const listChosen = (files: FileList): LocalFile[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** Propose an unused name for an upload, derived from its folder or zip. */
export function proposeName(files: LocalFile[], taken: string[]): string {
  const stem = files[0].path.split("/")[0].replace(/\.[A-Za-z]+$/, "").replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+|-+$/g, "");
  const base = (files.length > 1 && !files[0].path.includes("/") ? "" : stem).slice(0, MAX_NAME_LENGTH) || "pictures";
  let name = base;
  for (let i = 2; taken.includes(name); i++) name = `${base}-${i}`;
  return name;
}

/** Upload files and have the server check them; null if the check failed.
 *
 * @param check runs the check at an address
 * @param onprogress called with the number of bytes sent so far
 * @param signal aborts the upload, and removes from the server what was sent */
export async function upload(
  name: string, files: LocalFile[], check: (path: string) => Promise<Upload | null>, onprogress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Upload | null> {
  if (files.length > MAX_FILES) throw new Error(strings().train.tooMany(files.length, MAX_FILES));
  await get(`api/uploads/${name}`, { method: "POST" });
  const sent = new Map<LocalFile, number>();
  let total = 0;
  const queue = [...files];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const file = next;
      await put(`api/uploads/${name}/${file.path.split("/").map(encodeURIComponent).join("/")}`, file.file, (bytes) => {
        total += bytes - (sent.get(file) ?? 0);
        sent.set(file, bytes);
        onprogress(total);
      }, signal);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, work));
    return await check(`api/uploads/${name}/end`);
  } catch (error) {
    queue.length = 0;
    await fetch(`api/uploads/${name}/part`, { method: "DELETE" });
    throw error;
  }
}

/** Upload one file with XMLHttpRequest, since fetch doesn't report upload progress. */
function put(address: string, file: File, onprogress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => onprogress(event.loaded);
    request.onload = () => (request.status === 200 ? resolve() : reject(new Error(errorMessage(request.responseText))));
    request.onerror = () => reject(new Error(strings().train.connectionBroken));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.open("PUT", address);
    request.send(file);
  });
}
