import { ApiError, NetworkError, ValidationError } from '@aibaas/client';
import { type FormEvent, type ReactNode, useState } from 'react';

interface FormProps {
  /** What the button says. */
  action: string;
  /** Does what the form is for, with its fields. What it throws is shown. */
  send: (fields: Record<string, string>) => Promise<void>;
  children?: ReactNode;
}

/** A form that can be sent once at a time, and shows what went wrong. */
export function Form({ action, send, children }: FormProps) {
  const [error, setError] = useState<unknown>();
  const [isSending, setSending] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields: Record<string, string> = {};
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') fields[name] = value;
    setSending(true);
    setError(undefined);
    try {
      await send(fields);
    } catch (error) {
      setError(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <form onSubmit={submit}>
      {children}
      <button disabled={isSending}>{action}</button>
      <ErrorText error={error} />
    </form>
  );
}

interface FieldProps {
  label: string;
  name: string;
  type?: string;
  autoComplete?: string;
  minLength?: number;
}

export function Field({ label, type = 'text', ...input }: FieldProps) {
  return (
    <label>
      {label}
      <input type={type} required {...input} />
    </label>
  );
}

/** What went wrong, and what to do about it. */
export function ErrorText({ error }: { error: unknown }) {
  if (error === undefined) return null;
  return <p role="alert">{textOf(error)}</p>;
}

function textOf(error: unknown): string {
  if (error instanceof ValidationError && error.mistakes.length > 0) {
    return error.mistakes.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`).join('; ');
  }
  if (error instanceof ApiError) return `${error.problem.title}: ${error.detail}.`;
  if (error instanceof NetworkError) return 'The server does not answer. Try again.';
  throw error;
}
