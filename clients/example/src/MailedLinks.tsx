// The pages that mails link to, where APP_URL names this front end. Each does its work when a button is pressed: programs
// that look through mails open links too.
import { type ReactNode, useState } from 'react';
import { api } from './api';
import { Field, Form } from './form';
import { Link } from './router';

interface PageProps {
  title: string;
  action: string;
  done: string;
  send: (token: string, password: string) => Promise<unknown>;
  children?: ReactNode;
}

function MailedLink({ title, action, done, send, children }: PageProps) {
  const [isDone, setDone] = useState(false);
  const token = new URLSearchParams(location.search).get('token') ?? '';
  const press = async (fields: Record<string, string>) => {
    await send(token, fields.password ?? '');
    setDone(true);
  };
  return (
    <>
      <h1>{title}</h1>
      {isDone ? (
        <p role="status">
          {done} <Link to="/login">Log in</Link>
        </p>
      ) : (
        <Form action={action} send={press}>
          {children}
        </Form>
      )}
    </>
  );
}

export function VerifyEmail() {
  const send = (token: string, password: string) => api.auth.verifyEmail({ token, password });
  return (
    <MailedLink title="Verify your address" action="Verify" done="Your address is verified." send={send}>
      <Field label="The password of your registration" name="password" type="password" autoComplete="current-password" />
    </MailedLink>
  );
}

export function ResetPassword() {
  const send = (token: string, password: string) => api.post('/api/v1/auth/password/reset', { body: { token, password } });
  return (
    <MailedLink title="Choose a new password" action="Set the password" done="Your password is set." send={send}>
      <Field label="New password" name="password" type="password" autoComplete="new-password" minLength={8} />
    </MailedLink>
  );
}

export function ConfirmEmail() {
  const send = (token: string) => api.post('/api/v1/auth/confirm-email', { body: { token } });
  return <MailedLink title="Confirm your new address" action="Confirm" done="Your address is changed." send={send} />;
}

export function UndoEmailChange() {
  const send = (token: string) => api.post('/api/v1/auth/undo-email-change', { body: { token } });
  return <MailedLink title="Undo the change of address" action="Undo it" done="Your account is back." send={send} />;
}
