"""Train VOCAL, of the first NEO or 1.5, on rule-made performances, or on any others in the same form.

    python -m neo_core train vocal --data DIR --audio-weights FILE_OR_FOLDER --out vocal.safetensors

hears the recordings with any audio encoder: the embedded one, or a public one in FOLDER (`python -m neo_core download`
fetches them); the file says which it was. `--start VOCAL` begins with the weights of another VOCAL, also of one that
heard through another encoder: then only what reads the sound begins anew.

Conditions are dropped as guidance will leave them out (audio, identity, reference one by one, sometimes all), the
prefix as well. The state is not dropped: most takes are performed as the voice sounds, and they alone teach what
it means that none is asked for. Health is printed on windows of held-out voices: `audio_gain` is the mouth's error with
another's sound over its error with the right one; `std` and `speed` compare the generated motion with the true one,
region by region.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder
from ..audio.loading import load_audio_encoder
from ..data_types import EMOTIONS
from ..flow.guidance import SIGNALS
from ..flow.path import interpolate
from ..flow.schedule import logit_normal, timesteps
from ..motion_space import REGIONS
from ..vocal.loading import ARCHITECTURES, SIZES, size_config, stored_config
from ..vocal.motion_generator import Conditions, MotionGenerator, WindowConfig
from ..vocal.sampler import SHIFT, STEPS, sample
from ..vocal.unified_mmdit import BLOCKS, RUNNERS
from ..weights.manifest import FOLDER
from ..weights.safetensors_io import fill, load, save
from .flow_matching import Plan, Run, add_run_arguments, difference_error, resume_path, train, velocity_error
from .listening import listener
from .synthetic.performances import Performances, load_performances
from .synthetic.speech import HELD_OUT_SPEAKERS, HELD_OUT_VOICES
from .vocal_features import Listener, read_features, write_features
from .vocal_windows import Windows, WindowStore, spread

SHARES = {"mouth": 4.0, "brows": 2.0, "eyes": 1.3, "pose": 1.3, "gaze": 1.0}  # of the loss, per region
SPEED_SHARE, ACCELERATION_SHARE = 1.0, 0.2
DROP, DROP_ALL, DROP_PREFIX = 0.1, 0.05, 0.25  # a quarter of the windows has no prefix to begin with
UNHEARD = 0.15  # of the windows know their sound to some moment only, as live speech does
PREFIX_NOISE = 0.05  # deviations: at sampling the prefix is the network's own work
TIME_MEAN = 0.4  # of the logit-normal times: somewhat towards the noise, where the sound decides
EXAM = 24  # held-out windows of the health report
MINUTES = 35.0
CHOICES = ("residual", "attention")  # of an architecture
OPTIONS = ("minutes", "steps", "rate", "batch", "architecture", "size", *CHOICES, "seed")  # that a file tells of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train vocal`."""
    parser.add_argument("--data", type=Path, required=True, help="folder made by `factory performances`")
    parser.add_argument(
        "--audio-weights", type=Path, help="the audio encoder: a file of ours, or the folder of a public checkpoint"
    )
    parser.add_argument("--features", type=Path, help="what the encoder hears in DATA; made if it is not there")
    parser.add_argument("--minutes", type=float, help="of the processor's time (default: 35, or no limit with --steps)")
    parser.add_argument("--steps", type=int, help="end after so many steps: to compare architectures")
    parser.add_argument("--rate", type=float, default=Plan.rate, help="highest learning rate")
    parser.add_argument("--start", type=Path, help="weights to start from (default: random ones)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--architecture", choices=tuple(ARCHITECTURES), default="neo-1.5")
    parser.add_argument("--size", choices=tuple(SIZES), default="mini")
    parser.add_argument("--residual", choices=tuple(RUNNERS), help="of neo-1.5 (default: boundary)")
    parser.add_argument("--attention", choices=tuple(BLOCKS), help="of neo-1.5 (default: differential)")
    add_run_arguments(parser, FOLDER / "vocal.safetensors")


def run(arguments: argparse.Namespace) -> None:
    """Encode the recordings, train, save the averaged network as it goes."""
    dice = torch.Generator().manual_seed(arguments.seed)
    device = torch.device(arguments.device)
    data = load_performances(arguments.data)
    encoder = load_audio_encoder(arguments.audio_weights)
    listen = _listener(encoder, arguments.features, data)
    network, config = ARCHITECTURES[arguments.architecture][0], _config(arguments, encoder)
    store = WindowStore(data, listen, config, held_out=False)
    exam = WindowStore(data, lambda utterance: listen(utterance)[:1], config, held_out=True)
    torch.manual_seed(arguments.seed)  # here: whoever heard the sound, or did not have to, shall change no weight
    net = network(config)
    if arguments.start:
        begin_from(net, arguments.start)
    rescale(net, *spread(data))
    state = Run(
        net.to(device), _plan(arguments), stored_config(net) | {"batch": arguments.batch, "seed": arguments.seed}
    )
    del data  # the sound is not needed again
    if arguments.resume:
        state.load(resume_path(arguments.out))
        dice.manual_seed(arguments.seed + state.step)  # other windows than those it began with
    loss = partial(windows_loss, store=store, count=arguments.batch, dice=dice, device=device)
    train(state, loss, partial(_report, arguments=arguments, exam=exam.draw(EXAM, torch.Generator().manual_seed(1))))
    resume_path(arguments.out).unlink(missing_ok=True)


def windows_loss(
    net: MotionGenerator, store: WindowStore, count: int, dice: torch.Generator, device: torch.device
) -> Tensor:
    """The loss of one fresh batch."""
    windows = store.draw(count, dice).to(device)
    conditions = drop_conditions(windows.conditions.normalised(net), dice)
    data, weight = net.normalise(windows.motion), windows.weight
    noise = torch.randn(data.shape, generator=dice).to(device)
    t = logit_normal(count, TIME_MEAN, generator=dice).to(device)
    x = interpolate(data, noise, t)
    with torch.autocast(device.type, torch.bfloat16):
        predicted = net(x, t, conditions)
    clear = (1 - t)[:, None, None].square()
    joined = conditions.prefix[:, None, None]  # without a prefix there is no seam to keep
    before = torch.where(joined, conditions.prefix_motion, data[:, :1])
    terms = (
        velocity_error(x, predicted, data, t)
        + SPEED_SHARE * clear * difference_error(predicted, data, before, order=1)
        + ACCELERATION_SHARE * clear * difference_error(predicted, data, before, order=2)
    )
    return balanced(terms * weight)


def balanced(terms: Tensor) -> Tensor:
    """Mean over each region, then the regions by their shares: [B, W, C] -> scalar."""
    means = {name: terms[..., list(channels)].mean() for name, channels in REGIONS.items()}
    return sum(SHARES[name] * mean for name, mean in means.items()) / sum(SHARES.values())


def drop_conditions(conditions: Conditions, dice: torch.Generator) -> Conditions:
    """Leave signals out at random, each on its own, sometimes all, and disturb the prefix a little."""
    device, count = conditions.prefix.device, len(conditions.prefix)
    chance = torch.rand(5, count, generator=dice).to(device)
    keep = {name: (row > DROP) & (chance[3] > DROP_ALL) for name, row in zip(SIGNALS, chance, strict=False)}
    noise = torch.randn(conditions.prefix_motion.shape, generator=dice).to(device)
    return replace(
        conditions,
        heard=heard_so_far(conditions, dice) & keep["audio"][:, None],
        identity=conditions.identity & keep["identity"],
        reference=conditions.reference & keep["reference"],
        prefix=conditions.prefix & (chance[4] > DROP_PREFIX),
        prefix_motion=conditions.prefix_motion + PREFIX_NOISE * noise,
    )


def heard_so_far(conditions: Conditions, dice: torch.Generator) -> Tensor:
    """Which sound is heard when in some windows what comes after a random moment is not there yet. [B, A]"""
    count, tokens = conditions.heard.shape
    live = torch.rand(count, 1, generator=dice) < UNHEARD
    now = torch.randint(conditions.prefix_motion.shape[1] + 1, tokens, (count, 1), generator=dice)
    return conditions.heard & ~(live & (torch.arange(tokens) >= now)).to(conditions.heard.device)


def health(net: MotionGenerator, windows: Windows, seed: int = 0) -> dict[str, float]:
    """Generated against true motion of the same windows, with the right and with another's sound."""
    device = net.motion_mean.device
    conditions = windows.conditions.to(device).normalised(net)
    swapped = replace(conditions, audio=conditions.audio.roll(1, 0), heard=conditions.heard.roll(1, 0))
    noise = torch.randn(windows.motion.shape, generator=torch.Generator().manual_seed(seed))
    with torch.autocast(device.type, torch.bfloat16):
        made, wrong = (sample(net, c, noise, timesteps(STEPS, SHIFT)) for c in (conditions, swapped))
    scale = net.motion_log_scale.exp().cpu()
    made, wrong, true = made / scale, wrong / scale, windows.motion / scale
    mouth = list(REGIONS["mouth"])
    right_error, wrong_error = ((m - true)[..., mouth].square().mean().sqrt() for m in (made, wrong))
    result = {"mouth_error": right_error, "audio_gain": wrong_error / right_error}
    for name, channels in REGIONS.items():
        ours, theirs = made[..., list(channels)], true[..., list(channels)]
        result[f"std_{name}"] = ours.std(1).mean() / theirs.std(1).mean()
        result[f"speed_{name}"] = ours.diff(dim=1).abs().mean() / theirs.diff(dim=1).abs().mean()
    return {name: float(value) for name, value in result.items()}


def begin_from(net: MotionGenerator, path: Path) -> None:
    """Take the weights of a file. What it does not know of states stays as it was drawn, and so does what reads the
    sound, where it listened to an encoder of another family."""
    tensors, stored = load(path)
    same = _ears(stored) == _ears(asdict(net.config))
    new = ("emotion",) if same else ("emotion", "audio_input.")
    drawn = {name: value for name, value in net.state_dict().items() if any(part in name for part in new)}
    kept = {name: value for name, value in tensors.items() if same or not name.startswith("audio_input.")}
    fill(net, drawn | kept, path)


def _ears(config: Mapping) -> tuple[str, int | None, int | None]:
    """The family of the audio encoder, its layers and their width. The first files do not say the family."""
    return config.get("audio_encoder", "embedded").split("/")[0], config.get("audio_layers"), config.get("audio_width")


@torch.no_grad()
def rescale(net: MotionGenerator, mean: Tensor, log_scale: Tensor) -> None:
    """Give a network other units of motion and let it say the same in them, but for channels it hardly knew."""
    ratio = (log_scale - net.motion_log_scale).clamp(-1, 1).exp()  # [C]
    shift = ((mean - net.motion_mean) * torch.exp(-net.motion_log_scale)).clamp(-1, 1)
    for layer in net.motion_readers:
        layer.bias += layer.weight @ shift
        layer.weight *= ratio
    net.final.weight /= ratio[:, None]
    net.final.bias /= ratio
    net.motion_mean.copy_(mean)
    net.motion_log_scale.copy_(log_scale)


def _config(arguments: argparse.Namespace, encoder: AudioEncoder) -> WindowConfig:
    """The sizes of the network to train, for this encoder."""
    chosen = {name: getattr(arguments, name) for name in CHOICES if getattr(arguments, name)}
    sizes = {"audio_layers": encoder.layers, "audio_width": encoder.width, "emotions": len(EMOTIONS)}
    return size_config(arguments.architecture, arguments.size, audio_encoder=encoder.name, **sizes, **chosen)


def _plan(arguments: argparse.Namespace) -> Plan:
    minutes = arguments.minutes or (math.inf if arguments.steps else MINUTES)
    return Plan(minutes, arguments.rate, steps=arguments.steps or math.inf)


def _listener(encoder: AudioEncoder, features: Path | None, data: Performances) -> Listener:
    """From memory where there is one, else with the encoder."""
    if features is None:
        return listener(encoder)
    if not features.exists():
        write_features(features, data.utterances, listener(encoder), encoder.name)
    return read_features(features, encoder.name)


def _report(state: Run, arguments: argparse.Namespace, exam: Windows) -> str:
    """Save, and say how the averaged network does on voices it never heard."""
    made = {
        "recipe": _recipe(arguments),
        "seed": arguments.seed,
        "minutes": round(state.seconds / 60, 1),
        "steps": state.step,
        "data": "rule-made performances of synthetic and LibriSpeech voices (`factory performances`)",
        "licences": ["LibriSpeech CC BY 4.0"],
        "held_out": {"librispeech_speakers": list(HELD_OUT_SPEAKERS), "espeak_variants": list(HELD_OUT_VOICES)},
    }
    save(arguments.out, state.average.state_dict(), stored_config(state.net), made=made, dtype=torch.float16)
    state.save(resume_path(arguments.out))
    return ", ".join(f"{name} {value:.2f}" for name, value in health(state.average, exam).items())


def _recipe(arguments: argparse.Namespace) -> str:
    """The command, less what only says where things are."""
    options = [f"--{name} {value}" for name in OPTIONS if (value := getattr(arguments, name)) is not None]
    return " ".join(("python -m neo_core train vocal --data PERFORMANCES", *options))
