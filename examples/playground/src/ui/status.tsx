import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Progress } from "../state/task";

/** Something went wrong: what, in the library's own words. */
export function Problem({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="problem" role="alert">
      <strong>{title}</strong>
      <div>{children}</div>
    </div>
  );
}

interface BusyProps {
  readonly what: string;
  readonly progress?: Progress;
  readonly onStop?: () => void;
}

/** Work in progress, with a way to stop it. */
export function Busy({ what, progress, onStop }: BusyProps) {
  const id = useId();
  const share = progress ? Math.round((100 * progress.done) / Math.max(1, progress.total)) : undefined;
  return (
    <div class="busy">
      <div class="busy-bar">
        <span id={id}>
          {what}
          {share === undefined ? " …" : ` ${share} %`}
        </span>
        <progress aria-labelledby={id} value={progress?.done} max={progress?.total} />
      </div>
      {onStop && (
        <button type="button" onClick={onStop}>
          Stop
        </button>
      )}
    </div>
  );
}

/** Nothing is here yet: why, and what to do. */
export const Empty = ({ children }: { readonly children: ComponentChildren }) => <p class="empty">{children}</p>;

/** What to know about a result. */
export function Notes({ notes }: { readonly notes: readonly { readonly code: string; readonly message: string }[] }) {
  if (notes.length === 0) return null;
  return (
    <section class="notes" aria-label="What to know about this result">
      <h3>What to know about this result</h3>
      <ul>
        {notes.map(({ code, message }) => (
          <li key={code}>
            {message.replace("Pass preprocess to loadModel.", "Choose another normalisation under “Input and labels”.")}
          </li>
        ))}
      </ul>
    </section>
  );
}
