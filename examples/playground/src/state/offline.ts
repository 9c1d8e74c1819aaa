import { registerSW } from "virtual:pwa-register";
import { signal } from "@preact/signals";

export type Offline = "unsupported" | "preparing" | "ready" | "update";

export const offline = signal<Offline>("serviceWorker" in navigator ? "preparing" : "unsupported");

let update: (reload?: boolean) => Promise<void> = async () => {};

/** Keeps the page's own files in the browser, so that it opens without a network next time. */
export function registerOffline(): void {
  if (offline.value === "unsupported") return;
  // A page that was served by the service worker is offline-ready already.
  if (navigator.serviceWorker.controller) offline.value = "ready";
  // So is one whose service worker was there before, even if this visit went around it (a forced reload).
  void navigator.serviceWorker.ready.then(() => {
    if (offline.value === "preparing") offline.value = "ready";
  });
  update = registerSW({
    onOfflineReady: () => {
      offline.value = "ready";
    },
    onNeedRefresh: () => {
      offline.value = "update";
    },
    onRegisterError: () => {
      offline.value = "unsupported";
    },
  });
}

export const applyUpdate = (): void => void update(true);

/** Chromium's offer to install the page as an application. */
interface InstallOffer extends Event {
  prompt(): Promise<unknown>;
}

export const installOffer = signal<InstallOffer | undefined>(undefined);

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  installOffer.value = event as InstallOffer;
});
addEventListener("appinstalled", () => {
  installOffer.value = undefined;
});

export async function install(): Promise<void> {
  const offer = installOffer.value;
  installOffer.value = undefined;
  await offer?.prompt();
}
