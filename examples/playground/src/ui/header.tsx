import { applyUpdate, install, installOffer, offline } from "../state/offline";

const says = {
  preparing: "Getting ready to work offline …",
  ready: "Works offline",
  unsupported: "Needs the network to open",
  update: "A new version is here",
} as const;

export function Header() {
  return (
    <header class="header">
      <div class="brand">
        <img src="./icons/icon.svg" alt="" width="36" height="36" />
        <div>
          <h1>seethrough</h1>
          <p>See what a convolutional network saw.</p>
        </div>
      </div>
      <p class="promise">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M7 10V7a5 5 0 0 1 10 0v3m-11 0h12a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-8a1 1 0 0 1 1-1z" />
        </svg>
        Computed on this device. Networks and pictures never leave it.
      </p>
      <div class="header-end">
        <span class="chip" data-offline={offline.value} role="status">
          {says[offline.value]}
        </span>
        {offline.value === "update" && (
          <button type="button" onClick={applyUpdate}>
            Reload
          </button>
        )}
        {installOffer.value && (
          <button type="button" onClick={() => void install()}>
            Install
          </button>
        )}
      </div>
    </header>
  );
}
