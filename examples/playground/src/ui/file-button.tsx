import { useId } from "preact/hooks";

interface Props {
  readonly label: string;
  readonly accept?: string;
  readonly onFile: (file: File) => void;
}

/** A file input that looks like a button; the input itself takes the focus. */
export function FileButton({ label, accept, onFile }: Props) {
  const id = useId();
  return (
    <span class="file-button">
      <input
        id={id}
        type="file"
        accept={accept}
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          // The same file can be chosen again.
          currentTarget.value = "";
          if (file) onFile(file);
        }}
      />
      <label for={id}>{label}</label>
    </span>
  );
}
