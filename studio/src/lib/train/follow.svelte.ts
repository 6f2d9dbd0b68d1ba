// A run as it goes on: its rows, its state, and what the doctor says, as the server sends them.
import { eventsOf, type Finding, type Row, type RunInfo } from "./runs";

export class Following {
  /** in the order of steps; of a step that was logged twice, the later row */
  rows = $state.raw<Row[]>([]);
  info = $state.raw<RunInfo | null>(null);
  findings = $state.raw<Finding[]>([]);
  /** why there is no more to come */
  gone = $state("");
  private readonly bySteps = new Map<number, Row>();
  private readonly source: EventSource;

  /** @param id of the run */
  constructor(id: string) {
    this.source = new EventSource(eventsOf(id));
    this.on<Row[]>("rows", (rows) => {
      for (const row of rows) this.bySteps.set(row.step, row);
      this.rows = [...this.bySteps.values()].sort((a, b) => a.step - b.step);
    });
    this.on("over", () => {
      this.bySteps.clear();
      this.rows = [];
    });
    this.on<RunInfo>("state", (info) => (this.info = info));
    this.on<Finding[]>("doctor", (findings) => (this.findings = findings));
    this.on<{ sentence: string }>("gone", ({ sentence }) => {
      this.gone = sentence;
      this.close();
    });
  }

  private on<T>(name: string, then: (content: T) => void): void {
    this.source.addEventListener(name, (event) => then(JSON.parse((event as MessageEvent<string>).data)));
  }

  close(): void {
    this.source.close();
  }
}
