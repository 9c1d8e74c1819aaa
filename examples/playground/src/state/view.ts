import { signal } from "@preact/signals";

export type TabName = "explain" | "compare" | "layers" | "ascent";

export const openTab = signal<TabName>("explain");
