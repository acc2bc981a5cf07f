// SPDX-License-Identifier: Apache-2.0
// node's WASI as an external runtime of a worker:
//     run [--invoke NAME] [ARGUMENT ...] [--env K[=V] ...] [--dir HOST::GUEST ...] MODULE [INPUT ...]
import { readFile } from 'node:fs/promises';
import { argv, env, exit } from 'node:process';
import { WASI } from 'node:wasi';

const words = argv.slice(3);
const variables = {}, preopens = {};
let invoke;
while (!words[0].endsWith('.wasm')) {
	const word = words.shift();
	if (word === '--invoke') {
		invoke = words.shift();
	} else if (word === '--env') {
		const [name, ...value] = words.shift().split('=');
		variables[name] = value.length > 0 ? value.join('=') : env[name];
	} else if (word === '--dir') {
		const [host, guest] = words.shift().split('::');
		preopens[guest] = host;
	}
}
const [file, ...inputs] = words;
const wasi = new WASI({ version: 'preview1', args: words, env: variables, preopens, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(file));
const { exports } = await WebAssembly.instantiate(module, wasi.getImportObject());
const number = (text) => /^-?[0-9]+$/.test(text) ? Number(text) : Number.parseFloat(text);

if (invoke === undefined) {
	exit(wasi.start({ exports }));
}
const value = exports[invoke](...inputs.map(number));
if (value !== undefined) {
	console.log(String(value));
}
