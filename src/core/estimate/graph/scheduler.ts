/**
 * Where each node of a graph runs, and what must be copied between devices for that: ggml's scheduler over shapes.
 * Backends are the devices in order, the host last and least preferred. Every backend is taken to support every operator.
 * Source: ggml/src/ggml-backend.cpp:890-985 (pass 1), :1090-1320 (passes 2-4), :1320-1440 (splits and copies),
 * :1490-1590 (the graph that is allocated) of llama.cpp v0.5.0.
 */
import type { BufferLayout } from "../../facts/hardware.ts";
import { HOST } from "../../facts/placement.ts";
import type { Schedule } from "./allocator.ts";
import type { Graph } from "./graph.ts";
import { isViewOp, Node, type Op, UNPLACED } from "./node.ts";

const UNASSIGNED = -1;

/** Operators that do not follow their weights: frequency factors and sinks are too small to decide. */
function followsWeights(op: Op): boolean {
  return op !== "rope" && op !== "flash_attn_ext";
}

interface Split {
  readonly backend: number;
  readonly start: number;
  readonly inputs: Node[];
}

/**
 * @param devices layouts of the devices before the host: some take large batches over from it
 * @param copyCount 4 with pipeline parallelism, else 1 (llama-context.cpp:427-460)
 */
export function scheduleGraph(graph: Graph, devices: readonly BufferLayout[], copyCount: number): Schedule {
  return new Scheduler(graph, devices, copyCount).run();
}

/** Only where each node would run, by slot: a device, or HOST. */
export function assignedDevices(graph: Graph, devices: readonly BufferLayout[]): number[] {
  return new Scheduler(graph, devices, 1).assigned();
}

/** Tokens an operator works on at once, by which a device decides to take it over (`get_op_batch_size`, ggml-cuda.cu). */
function batchTokens(node: Node): number {
  switch (node.op) {
    case "get_rows":
      return 0;
    case "mul_mat":
      return node.ne1;
    case "mul_mat_id":
    case "rope":
      return node.ne2;
    default:
      return node.ne1 * node.ne2 * node.ne3;
  }
}

class Scheduler {
  private readonly graph: Graph;
  /** the nodes that compute something */
  private readonly operators: readonly Node[];
  private readonly devices: readonly BufferLayout[];
  private readonly hostBackend: number;
  private readonly backendCount: number;
  private readonly copyCount: number;
  /** by slot of the graph */
  private readonly backends: Int16Array;
  /** by slot · backendCount + backend: the copies of that tensor there */
  private readonly copies: (Node[] | undefined)[] = [];
  private readonly graphInputs: Node[] = [];
  private nextSlot: number;

  constructor(graph: Graph, devices: readonly BufferLayout[], copyCount: number) {
    const deviceCount = devices.length;
    this.devices = devices;
    this.graph = graph;
    this.operators = graph.nodes.filter(({ op }) => !isViewOp(op));
    this.hostBackend = deviceCount;
    this.backendCount = deviceCount + 1;
    this.copyCount = copyCount;
    this.backends = new Int16Array(graph.slotCount).fill(UNASSIGNED);
    this.nextSlot = graph.slotCount;
  }

  assigned(): number[] {
    this.assign();
    return Array.from(this.backends, (backend) => (backend === this.hostBackend ? HOST : backend));
  }

  private assign(): void {
    this.assignFromBuffers();
    this.spread(true, false);
    this.spread(false, false);
    this.spread(true, true);
    this.spread(false, true);
    this.assignRest();
  }

  run(): Schedule {
    this.assign();
    return this.assemble(this.split());
  }

  private backendOf(node: Node): number {
    return this.backends[node.slot] ?? UNASSIGNED;
  }

  private deviceBackend(device: number): number {
    return device === HOST ? this.hostBackend : device;
  }

  /** Pass 1: what lies in a buffer runs there; inputs are the host's; operators with weights run where the first of them lies. */
  private assignFromBuffers(): void {
    for (const leaf of this.graph.leaves) this.backends[leaf.slot] = this.preferred(leaf);
    for (const node of this.graph.nodes) this.backends[node.slot] = this.preferred(node);
  }

  private preferred(node: Node): number {
    if (node.pin !== UNPLACED) return this.deviceBackend(node.pin);
    const { device } = node.viewOf ?? node;
    if (device !== UNPLACED) return this.deviceBackend(device);
    if (node.input) return this.hostBackend;
    if (!followsWeights(node.op)) return UNASSIGNED;
    for (const source of node.sources)
      if (source.weight) return source.device === HOST ? this.takenOver(node) : source.device;
    return UNASSIGNED;
  }

  /** The first device that wants an operator whose weights lie on the host, else the host. */
  private takenOver(node: Node): number {
    const taker = this.devices.findIndex(
      ({ offloadBatchTokens }) => offloadBatchTokens !== undefined && batchTokens(node) >= offloadBatchTokens,
    );
    return taker < 0 ? this.hostBackend : taker;
  }

  /** Pass 2: unassigned nodes take their neighbour's backend, first only from devices, then from any. */
  private spread(forwards: boolean, fromHost: boolean): void {
    const { operators } = this;
    const count = operators.length;
    let current = UNASSIGNED;
    for (let step = 0; step < count; step++) {
      const node = operators[forwards ? step : count - 1 - step];
      if (node === undefined) continue;
      const backend = this.backendOf(node);
      if (backend !== UNASSIGNED) current = backend === this.hostBackend && !fromHost ? UNASSIGNED : backend;
      else if (current !== UNASSIGNED) this.backends[node.slot] = current;
    }
  }

  /** Pass 4: views follow what they look at, remaining sources their user. (Pass 3 only joins backends that share a buffer type.) */
  private assignRest(): void {
    for (const node of this.graph.nodes) {
      if (node.viewOf !== undefined && this.backendOf(node) === UNASSIGNED)
        this.backends[node.slot] = this.backendOf(node.viewOf);
      for (const source of node.sources) {
        if (this.backendOf(source) !== UNASSIGNED) continue;
        this.backends[source.slot] = this.backendOf(source.viewOf ?? node);
      }
      if (this.backendOf(node) === UNASSIGNED) this.backends[node.slot] = 0;
    }
  }

  /** Pass 5: a new split where the backend changes; sources elsewhere are copied at its start. */
  private split(): Split[] {
    const { nodes } = this.graph;
    const splits: Split[] = [];
    let current: Split | undefined;
    nodes.forEach((node, index) => {
      if (isViewOp(node.op)) return;
      const backend = this.backendOf(node);
      if (current === undefined || backend !== current.backend || this.needsFreshSplit(node, current)) {
        current = { backend, start: current === undefined ? 0 : index, inputs: [] };
        splits.push(current);
      }
      this.copySources(node, current);
    });
    return splits;
  }

  /** A weight from elsewhere starts a split of its own, so that the copies of earlier weights can be reused. */
  private needsFreshSplit(node: Node, split: Split): boolean {
    return (
      split.inputs.length > 0 &&
      node.sources.some((source) => source.weight && this.deviceBackend(source.device) !== split.backend)
    );
  }

  private copySources(node: Node, split: Split): void {
    const { sources } = node;
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index];
      if (source === undefined || source.slot >= this.backends.length) continue;
      const home = this.backendOf(source);
      if (source.input && this.copyCount > 1 && this.copiesOn(source, home) === undefined) {
        this.copies[source.slot * this.backendCount + home] = this.duplicate(source, source);
        this.graphInputs.push(source);
      }
      if (home === split.backend || this.bufferBackend(source, home) === split.backend) continue;
      let copies = this.copiesOn(source, split.backend);
      if (copies === undefined) {
        copies = this.duplicate(source, undefined);
        this.copies[source.slot * this.backendCount + split.backend] = copies;
        split.inputs.push(source);
      }
      const copy = copies[0];
      if (copy !== undefined) sources[index] = copy;
    }
  }

  private bufferBackend(source: Node, home: number): number {
    const { device } = source.viewOf ?? source;
    return device === UNPLACED ? home : this.deviceBackend(device);
  }

  private copiesOn(node: Node, backend: number): Node[] | undefined {
    return this.copies[node.slot * this.backendCount + backend];
  }

  /** Copies keep the strides. Several copies are flagged so that nothing overwrites them while another batch is under way. */
  private duplicate(node: Node, first: Node | undefined): Node[] {
    const list: Node[] = first === undefined ? [] : [first];
    while (list.length < this.copyCount) {
      const copy = new Node("none", node.type, node.ne0, node.ne1, node.ne2, node.ne3, [], undefined);
      copy.nb0 = node.nb0;
      copy.nb1 = node.nb1;
      copy.nb2 = node.nb2;
      copy.nb3 = node.nb3;
      copy.slot = this.nextSlot++;
      list.push(copy);
    }
    if (this.copyCount > 1) {
      for (const copy of list) {
        copy.input = true;
        copy.output = true;
      }
    }
    return list;
  }

  /** The allocated graph: each split begins with its copies, each kept from being freed before it is made. */
  private assemble(splits: readonly Split[]): Schedule {
    const nodes: Node[] = [];
    const nodeBackends: number[] = [];
    splits.forEach((split, index) => {
      for (const input of split.inputs) {
        const keep = new Node("none", input.type, input.ne0, input.ne1, input.ne2, input.ne3, [input], input);
        keep.slot = this.nextSlot++;
        const copy = this.copiesOn(input, split.backend)?.[0];
        nodes.push(keep);
        nodeBackends.push(this.backendOf(input));
        if (copy === undefined) continue;
        nodes.push(copy);
        nodeBackends.push(split.backend);
      }
      const end = splits[index + 1]?.start ?? this.graph.nodes.length;
      for (let position = split.start; position < end; position++) {
        const node = this.graph.nodes[position];
        if (node === undefined) continue;
        nodes.push(node);
        nodeBackends.push(this.backendOf(node));
      }
    });
    const leaves: Node[] = [];
    const leafBackends: number[] = [];
    const addLeaves = (list: readonly Node[], backend: number): void => {
      for (const leaf of list) {
        leaves.push(leaf);
        leafBackends.push(backend);
      }
    };
    if (this.copyCount > 1) {
      for (const input of this.graphInputs)
        addLeaves(this.copiesOn(input, this.backendOf(input)) ?? [], this.backendOf(input));
      for (const split of splits)
        for (const input of split.inputs) addLeaves(this.copiesOn(input, split.backend) ?? [], split.backend);
    }
    for (const leaf of this.graph.leaves) addLeaves([leaf], this.backendOf(leaf));
    return { nodes, nodeBackends, leaves, leafBackends, slotCount: this.nextSlot };
  }
}
