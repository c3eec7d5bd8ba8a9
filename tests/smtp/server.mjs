// SMTP servers of the tests: `node server.mjs '{"key":…,"certificate":…,"user":…,"password":…}'`. It prints one line of
// JSON with the ports: `implicit` (TLS from the beginning), `starttls`, `clear` (no TLS offered), and `control`, where
// `GET /mails` lists what was accepted, oldest first. It ends with its standard input.
//
// What becomes of a mail stands in its recipient's local part:
//   gone…      550 to every RCPT, since there is no such mailbox
//   moved…     the first mail is accepted, then 551 to every RCPT, since the mailbox has moved
//   refused…   550 to every RCPT, without saying why
//   later…     451 to the first mail, then accepted
//   lost…      the first is accepted, and the connection cut before the answer
//   silent…    the first gets no answer

import http from "node:http";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

const { key, certificate, user, password } = JSON.parse(process.argv[2]);
const mails = [];
const met = new Map();

/** How often this was met before. */
function times(what) {
  const before = met.get(what) ?? 0;
  met.set(what, before + 1);
  return before;
}

function answered(code, text) {
  return Object.assign(new Error(text), { responseCode: code });
}

function start(options) {
  const server = new SMTPServer({
    key,
    cert: certificate,
    ...options,
    onAuth(auth, _session, callback) {
      const known = auth.username === user && auth.password === password;
      callback(known ? null : answered(535, "5.7.8 wrong user or password"), { user: auth.username });
    },
    onRcptTo({ address }, _session, callback) {
      const [what] = address.match(/^(gone|moved|refused)/) ?? [];
      if (!what || (what === "moved" && !met.has(address))) return callback();
      times(address);
      const replies = {
        gone: answered(550, `5.1.1 <${address}>: no such mailbox`),
        moved: answered(551, `5.1.6 <${address}> has moved`),
        refused: answered(550, `<${address}>: refused`),
      };
      callback(replies[what]);
    },
    async onData(stream, session, callback) {
      const parsed = await simpleParser(stream);
      const to = session.envelope.rcptTo[0].address;
      const isFirst = times(to) === 0;
      if (isFirst && to.startsWith("later")) return callback(answered(451, "4.3.0 try again later"));
      if (isFirst && to.startsWith("silent")) return;
      mails.push({
        to,
        headerTo: parsed.to.text,
        from: parsed.from.text,
        subject: parsed.subject,
        text: parsed.text,
        html: parsed.html,
        messageId: parsed.messageId,
        autoSubmitted: parsed.headers.get("auto-submitted"),
        user: session.user,
        encrypted: session.secure,
      });
      if (isFirst && to.startsWith("lost")) {
        for (const connection of server.connections) {
          if (connection.session.id === session.id) connection._socket.destroy();
        }
        return;
      }
      callback();
    },
  });
  server.on("error", () => {});
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.server.address().port)));
}

const control = http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ mails, met: Object.fromEntries(met) }));
});
await new Promise((resolve) => control.listen(0, "127.0.0.1", resolve));
const ports = {
  implicit: await start({ secure: true }),
  starttls: await start({}),
  clear: await start({ disabledCommands: ["STARTTLS"], authOptional: true, allowInsecureAuth: true }),
  control: control.address().port,
};
console.log(JSON.stringify(ports));
process.stdin.resume();
process.stdin.on("close", () => process.exit());
