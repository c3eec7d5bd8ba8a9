import { useState } from 'react';
import { api } from './api';
import { Field, Form } from './form';
import { go, Link } from './router';

export function Login() {
  const [mfaToken, setMfaToken] = useState<string>();
  if (mfaToken !== undefined) {
    const confirm = async (fields: Record<string, string>) => {
      await api.auth.completeMfa({ mfaToken, code: fields.code ?? '' });
      go('/keys');
    };
    return (
      <>
        <h1>Second factor</h1>
        <Form action="Confirm" send={confirm}>
          <Field label="Code of the authenticator, or a recovery code" name="code" autoComplete="one-time-code" />
        </Form>
      </>
    );
  }
  const login = async ({ email = '', password = '' }: Record<string, string>) => {
    const result = await api.auth.login({ email, password });
    if (result.status === 'mfa_required') setMfaToken(result.mfaToken);
    else go('/keys');
  };
  return (
    <>
      <h1>Log in</h1>
      <Form action="Log in" send={login}>
        <Field label="Address" name="email" type="email" autoComplete="username" />
        <Field label="Password" name="password" type="password" autoComplete="current-password" />
      </Form>
      <p>
        <Link to="/register">Register</Link> or <Link to="/forgot">recover a forgotten password</Link>.
      </p>
    </>
  );
}

export function Register() {
  const [address, setAddress] = useState<string>();
  if (address !== undefined) return <LookAtMail address={address} />;
  const register = async ({ email = '', password = '' }: Record<string, string>) => {
    await api.auth.register({ email, password });
    setAddress(email);
  };
  return (
    <>
      <h1>Register</h1>
      <Form action="Register" send={register}>
        <Field label="Address" name="email" type="email" autoComplete="username" />
        <Field label="Password" name="password" type="password" autoComplete="new-password" minLength={8} />
      </Form>
    </>
  );
}

export function Forgot() {
  const [address, setAddress] = useState<string>();
  if (address !== undefined) return <LookAtMail address={address} />;
  const ask = async ({ email = '' }: Record<string, string>) => {
    await api.post('/api/v1/auth/password/forgot', { body: { email } });
    setAddress(email);
  };
  return (
    <>
      <h1>Recover a forgotten password</h1>
      <Form action="Send a link" send={ask}>
        <Field label="Address" name="email" type="email" autoComplete="username" />
      </Form>
    </>
  );
}

function LookAtMail({ address }: { address: string }) {
  return (
    <>
      <h1>Look at your mail</h1>
      <p role="status">What to do next stands in a mail to {address}.</p>
    </>
  );
}
