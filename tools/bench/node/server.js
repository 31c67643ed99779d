'use strict';
// Files over HTTP as one would write it with Express: every body and every file is piped, one request a line of the log.
const express = require('express');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');

const storage = process.env.STORAGE_PATH;
const app = express();
const at = (request) => path.join(storage, decodeURIComponent(request.params.name));

app.use((request, response, next) => {
  response.on('finish', () => console.log(request.ip, request.method, request.url, response.statusCode));
  next();
});

app.get('/file/:name', (request, response) => {
  const file = at(request);
  if (!fs.existsSync(file)) return response.sendStatus(404);
  if (fs.lstatSync(file).isDirectory()) return response.send(`${fs.readdirSync(file).join('\n')}\n`);
  return fs.createReadStream(file).pipe(response);
});

app.get('/file/:name/wc', (request, response) => {
  let lines = 0;
  const reader = readline.createInterface({ input: fs.createReadStream(at(request)) });
  reader.on('line', () => { lines += 1; });
  reader.on('close', () => response.send(String(lines)));
});

const store = (flags) => (request, response) => {
  const file = at(request);
  if (flags === 'a' && !fs.existsSync(file)) return response.sendStatus(404);
  const stream = fs.createWriteStream(file, { flags });
  stream.on('error', () => response.sendStatus(400));
  stream.on('close', () => response.sendStatus(200));
  return request.pipe(stream);
};
app.post('/file/:name', store('w'));
app.put('/file/:name', store('a'));

app.listen(Number(process.env.PORT), '127.0.0.1');
