import type { ComponentType } from 'react';
import { Forgot, Login, Register } from './Account';
import { api } from './api';
import { Boards } from './Board';
import { Form } from './form';
import { Keys } from './Keys';
import { ConfirmEmail, ResetPassword, UndoEmailChange, VerifyEmail } from './MailedLinks';
import { go, Link, usePath } from './router';
import { useUser } from './session';

const PAGES: Record<string, ComponentType> = {
  '/': Boards,
  '/login': Login,
  '/register': Register,
  '/forgot': Forgot,
  '/verify-email': VerifyEmail,
  '/reset-password': ResetPassword,
  '/confirm-email': ConfirmEmail,
  '/undo-email-change': UndoEmailChange,
};
/** Pages of somebody who is logged in. */
const OWN_PAGES: Record<string, ComponentType> = { '/keys': Keys };

export function App() {
  const path = usePath();
  const user = useUser();
  const logout = async () => {
    await api.auth.logout();
    go('/');
  };
  const Own = OWN_PAGES[path];
  const Page = Own && user === null ? Login : (Own ?? PAGES[path]);
  return (
    <>
      <header>
        <nav aria-label="Pages">
          <Link to="/">Leaderboard</Link>
          <Link to="/keys">API keys</Link>
        </nav>
        {user && (
          <>
            <span>{user.email}</span>
            <Form action="Log out" send={logout} />
          </>
        )}
        {user === null && <Link to="/login">Log in</Link>}
      </header>
      <main>
        {Own && user === undefined ? <p>One moment…</p> : Page ? <Page /> : <h1>There is nothing here</h1>}
      </main>
    </>
  );
}
