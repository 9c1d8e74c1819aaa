import { useId } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly accept?: string;
  /** Whether several files can be chosen together. */
  readonly multiple?: boolean;
  readonly onFiles: (files: readonly [File, ...File[]]) => void;
}

/** A file input that looks like a button; the input itself takes the focus. */
export function FileButton({ label, accept, multiple = false, onFiles }: Props) {
  const id = useId();
  return (
    <span class="file-button">
      <input
        id={id}
        type="file"
        accept={accept}
        multiple={multiple}
        onChange={({ currentTarget }) => {
          const [first, ...others] = currentTarget.files ?? [];
          // The same files can be chosen again.
          currentTarget.value = "";
          if (first) onFiles([first, ...others]);
        }}
      />
      <label for={id}>{label}</label>
    </span>
  );
}
