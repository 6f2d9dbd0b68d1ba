// Live view of a run: its log rows, state and diagnosis, as server-sent events.
import { eventsUrl, type LogDiagnosis, type Row, type RunInfo } from "./runs";
import { rememberError, type ServerError } from "../serverText.svelte";

export class RunStream {
  /** in order of steps; if a step was logged twice, the later row */
  rows = $state.raw<Row[]>([]);
  info = $state.raw<RunInfo | null>(null);
  diagnosis = $state.raw<LogDiagnosis>({ status: null, issues: [] });
  /** why the server ended the stream */
  endReason = $state("");
  private readonly rowsByStep = new Map<number, Row>();
  private readonly source: EventSource;

  /** @param id of the run */
  constructor(id: string) {
    this.source = new EventSource(eventsUrl(id));
    this.on<Row[]>("rows", (rows) => {
      for (const row of rows) this.rowsByStep.set(row.step, row);
      this.rows = [...this.rowsByStep.values()].sort((a, b) => a.step - b.step);
    });
    this.on("restart", () => {
      this.rowsByStep.clear();
      this.rows = [];
    });
    this.on<RunInfo>("state", (info) => (this.info = info));
    this.on<LogDiagnosis>("doctor", (diagnosis) => (this.diagnosis = diagnosis));
    this.on<ServerError>("gone", (error) => {
      this.endReason = rememberError(error);
      this.close();
    });
  }

  private on<T>(event: string, handle: (content: T) => void): void {
    this.source.addEventListener(event, (message) => handle(JSON.parse((message as MessageEvent<string>).data)));
  }

  close(): void {
    this.source.close();
  }
}
