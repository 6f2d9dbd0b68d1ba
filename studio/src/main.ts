import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { loadCharts } from "./lib/chart/library";

// tasks of their own, so that they don't add to the time that the modules take
setTimeout(() => mount(App, { target: document.getElementById("app")! }));
setTimeout(() => void loadCharts());
