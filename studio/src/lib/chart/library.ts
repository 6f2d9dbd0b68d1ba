// uPlot, which is loaded on demand: it starts with the browser's tables of languages, which take tens of milliseconds.
import type uPlot from "uplot";

let loading: Promise<typeof uPlot> | null = null;

/** Load uPlot, once. */
export const loadCharts = (): Promise<typeof uPlot> => (loading ??= import("uplot").then((module) => module.default));
