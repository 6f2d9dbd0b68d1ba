import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";

// a task of its own, so that it does not add to the time that the modules take
setTimeout(() => mount(App, { target: document.getElementById("app")! }));
