// Serves the npm package @vishtar/telegram-test-api, with what it lacks: whole answers of getMe and sendMessage, the long
// poll with its offset, webhooks with their secret and retries, and faults. Its messages, ids and storage stay its own.
// Started as: node telegram_shim.mjs FOLDER_OF_NODE_MODULES PORT

import { createRequire } from 'node:module';

const [modules, port] = process.argv.slice(2);
const TelegramServer = createRequire(`${modules}/`)('@vishtar/telegram-test-api');

const ME = { id: 123456, is_bot: true, first_name: 'Own Pace', username: 'own_pace_test_bot' };
const DESCRIPTIONS = { 400: 'Bad Request: chat not found', 401: 'Unauthorized', 403: 'Forbidden: bot was blocked by the user',
  409: 'Conflict: terminated by other getUpdates request', 429: 'Too Many Requests: retry after 3', 502: 'Bad Gateway' };

let faults = []; // what happens to the next requests to sendMessage: an error's code, 0 for nothing, 1 for an answer sent twice
let polls = 0; // the number of the newest poll: an older one is over
let delivering = Promise.resolve();
const wakeups = new Set();

const fail = (res, code, description) => res.status(code).json({
  ok: false,
  error_code: code,
  description: description ?? DESCRIPTIONS[code],
  ...(code === 429 ? { parameters: { retry_after: 3 } } : {}),
});
const wake = () => { for (const wakeUp of wakeups) wakeUp(); wakeups.clear(); };
const woken = (milliseconds) => new Promise((resolve) => { wakeups.add(resolve); setTimeout(resolve, milliseconds); });

// An update as Telegram would tell it: the package leaves the token in.
function told(update) {
  const { message, ...rest } = TelegramServer.formatUpdate(update);
  const { botToken, ...known } = message;
  return { ...rest, message: known };
}

// The same answer once more, after the first.
function again(socket, body) {
  const length = Buffer.byteLength(body);
  socket?.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`);
}

function bot(app, server) {
  app.all('/bot:token/getMe', (req, res) => res.json({ ok: true, result: ME }));

  app.all('/bot:token/getWebhookInfo', (req, res) => {
    const waiting = server.storage.userMessages.length;
    res.json({ ok: true, result: { url: server.webhooks[req.params.token]?.url ?? '', pending_update_count: waiting } });
  });

  app.all('/bot:token/sendMessage', (req, res) => {
    const fault = faults.shift();
    const { chat_id, text } = req.body;
    if (fault > 1) return fail(res, fault);
    if (!text) return fail(res, 400, 'Bad Request: message text is empty');
    if (text.length > 4096) return fail(res, 400, 'Bad Request: message is too long');
    const made = server.addBotMessage({ ...req.body }, req.params.token);
    const answer = { ok: true, result: { message_id: made.message_id, date: Math.floor(made.date / 1000), text,
      from: ME, chat: { id: Number(chat_id), type: 'private', first_name: 'Somebody' } } };
    if (fault === 1) res.on('finish', () => again(res.socket, JSON.stringify(answer)));
    return res.json(answer);
  });

  app.all('/bot:token/getUpdates', async (req, res) => {
    if (server.webhooks[req.params.token]) return fail(res, 409, 'Conflict: can\'t use getUpdates while webhook is active');
    const { offset = 0, limit = 100, timeout = 0 } = req.body;
    const mine = ++polls;
    const end = Date.now() + timeout * 1000;
    wake();
    server.storage.userMessages = server.storage.userMessages.filter((update) => update.updateId >= Number(offset));
    while (server.storage.userMessages.length === 0 && Date.now() < end && mine === polls) await woken(end - Date.now());
    if (mine !== polls) return fail(res, 409);
    const found = server.storage.userMessages.slice(0, Number(limit));
    return res.json({ ok: true, result: found.map(told) });
  });

  app.all('/bot:token/setWebhook', (req, res) => {
    server.setWebhook(req.body, req.params.token);
    deliver(server, req.params.token);
    res.json({ ok: true, result: true });
  });

  app.post('/shim/faults', (req, res) => { faults = req.body; res.json({}); });
  app.post('/shim/sent', (req, res) => res.json(server.storage.botMessages.map((one) => ({
    id: one.messageId, chat: String(one.message.chat_id), text: one.message.text }))));
  app.post('/shim/webhook', (req, res) => res.json(Object.values(server.webhooks)));
}

// Telegram sends an update again, after a while, until it is answered with 2xx; the next one waits for it.
async function deliver(server, token) {
  delivering = delivering.then(async () => {
    while (server.webhooks[token] && server.storage.userMessages.length) {
      const update = server.storage.userMessages[0];
      const { url, secret_token } = server.webhooks[token];
      const headers = { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': secret_token ?? '' };
      const body = JSON.stringify(told(update));
      const answer = await fetch(url, { method: 'POST', headers, body }).catch(() => ({ ok: false }));
      if (answer.ok) server.storage.userMessages.shift();
      else await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  });
}

const server = new TelegramServer({ port: Number(port), host: '127.0.0.1', storeTimeout: 3600 }, { routes: [bot] });
server.addUserUpdate = async (update) => {
  server.storage.userMessages.push(update);
  server.updateId += 1;
  wake();
  if (server.webhooks[update.botToken]) deliver(server, update.botToken);
};
await server.start();
console.log('ready');
