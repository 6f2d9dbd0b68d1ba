// The settings of the chosen preset, and what the user has changed; the server checks each change.
import type { ServerText } from "../serverText.svelte";
import { checkSettings, fetchSettings, type ChangedSettings, type Setting } from "./runs";

/** Pause after the last key before the server checks the settings. */
const CHECK_DELAY_MS = 150;

export class PresetSettings {
  list = $state.raw<Setting[]>([]);
  changed = $state.raw<ChangedSettings>({});
  /** by the name of the setting; "" has what is wrong with their combination */
  problems = $state.raw<Record<string, ServerText>>({});
  /** the changed settings on the command line */
  options = $state.raw<string[]>([]);
  error = $state("");
  readonly isRefused = $derived(Object.keys(this.problems).length > 0);
  private preset = "";
  /** the components whose settings are in the list in place of those of the preset's */
  private listed: string[] = [];
  private timer = 0;

  /** @param changed changes to begin with */
  constructor(changed: ChangedSettings = {}) {
    this.changed = changed;
  }

  /** Show the settings of a preset, and keep the changes of settings that it has too. */
  async open(preset: string): Promise<void> {
    const components = this.components();
    if (preset === this.preset && String(components) === String(this.listed)) return;
    this.preset = preset;
    this.listed = components;
    try {
      const list = await fetchSettings(preset, components);
      if (preset !== this.preset || components !== this.listed) return;
      this.list = list;
      this.error = "";
    } catch (caught) {
      this.error = (caught as Error).message;
      this.preset = "";
      return;
    }
    const names = new Set(this.list.map(({ name }) => name));
    this.changed = Object.fromEntries(Object.entries(this.changed).filter(([name]) => names.has(name)));
    this.check();
  }

  /** Change a setting; the preset's own value is no change. */
  change(setting: Setting, value: string | boolean): void {
    const { [setting.name]: _, ...others } = this.changed;
    const isSame = typeof value === "boolean" ? value === setting.value : value.trim() === "" || value.trim() === String(setting.value);
    this.changed = isSame ? others : { ...others, [setting.name]: typeof value === "string" ? value.trim() : value };
    if (setting.is_component) this.open(this.preset);
    else this.check();
  }

  /** The changed choices of components, such as model.prior=flow; before there is a list, all changes, of which the server ignores the others. */
  private components(): string[] {
    const names = new Set(this.list.filter((setting) => setting.is_component).map(({ name }) => name));
    return Object.entries(this.changed)
      .filter(([name]) => !this.list.length || names.has(name))
      .map(([name, value]) => `${name}=${value}`);
  }

  reset(): void {
    this.changed = {};
    if (this.listed.length) this.open(this.preset);
    else this.check();
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private check(): void {
    clearTimeout(this.timer);
    const { preset, changed } = this;
    if (!Object.keys(changed).length) {
      this.problems = {};
      this.options = [];
      return;
    }
    this.timer = window.setTimeout(async () => {
      try {
        const { problems, options } = await checkSettings(preset, changed);
        if (preset !== this.preset || changed !== this.changed) return;
        this.problems = problems;
        if (!Object.keys(problems).length) this.options = options;
        this.error = "";
      } catch (caught) {
        this.error = (caught as Error).message;
      }
    }, CHECK_DELAY_MS);
  }
}
