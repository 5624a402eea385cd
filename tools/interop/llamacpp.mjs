// Runs a GGUF file in llama.cpp: continues tokens greedily and tokenizes texts. Needs the npm package
// node-llama-cpp in the directory that NODE_LLAMA_CPP names; see llamacpp.py, which calls this.
//
//   node llamacpp.mjs < '{"model": PATH, "lora": PATH|null, "prompt_ids": [...], "n": N, "texts": [...]}'
//
// Prints {"ids": [...], "tokens": [[...], ...], "templated": bool}. Several requests, one a line, are
// answered one a line.
import {createInterface} from "node:readline";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const require = createRequire(process.env.NODE_LLAMA_CPP + "/");
const {getLlama} = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
const llama = await getLlama({gpu: false, build: "never", logLevel: "error", skipDownload: true});

async function answer({model: modelPath, lora, prompt_ids, n, texts}) {
    const model = await llama.loadModel({modelPath, gpuLayers: 0, useMmap: true});
    try {
        const context = await model.createContext({
            contextSize: 512, batchSize: 512, threads: 2, flashAttention: false,
            experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32",
            ...(lora ? {lora: {adapters: [{filePath: lora, scale: 1}]}} : {})
        });
        const ids = [];
        for await (const id of context.getSequence().evaluate(prompt_ids, {temperature: 0, yieldEogToken: true})) {
            ids.push(id);
            if (ids.length === n)
                break;
        }
        const tokens = (texts ?? []).map((t) => model.tokenize(t, true));
        return {ids, tokens, templated: model.fileInfo.metadata.tokenizer?.chat_template != null};
    } finally {
        await model.dispose();
    }
}

for await (const line of createInterface({input: process.stdin})) {
    let reply;
    try {
        reply = await answer(JSON.parse(line));
    } catch (e) {
        reply = {error: String(e?.message ?? e)};
    }
    console.log(JSON.stringify(reply));
}
process.exit(0);
