"""The program `lineart`: starts the command that the first argument names.

lineart --help
lineart --version
lineart colorize --lines episode/lines --output episode/color
"""

import runpy
import sys

from lineart.jobs.command import ALL_DONE, WRONG_INPUT

COMMANDS = {
    "demo": "Draw the sample film and colour it from one or two coloured drawings of each shot.",
    "colorize": "Colour all line drawings of a film, each at its own size.",
    "recolor": "Change colours of a coloured film, without colouring it again.",
    "translate": "Turn photographs into line drawings or another style, each at its own size.",
    "prepare_data": "Filter pictures and write them as shards for training and validation.",
    "train": "Train a pair of generators.",
    "evaluate": "Compute scores of pictures, drawings, films, and the methods that made them.",
    "report": "Write the page of a film, training, comparison or study, or the videos of a film.",
    "review": "Show a coloured film on a page, to answer its doubts and mark its frames.",
    "export_onnx": "Export the networks of a pair, and its whole inference, to ONNX.",
    "benchmark": "Measure the speed of the pipeline's parts.",
    "serve": "Colour for another program, with networks that stay open.",
    "gimp_plugin": "Put the plug-in where GIMP 3 looks for it.",
}
"""Name of a command, which is that of its module -> what it does."""


def main() -> int:
    """Run the command that the command line names, as `python -m lineart.jobs.NAME` does."""
    name, *arguments = sys.argv[1:] or ["--help"]
    name = name.replace("-", "_") if name[:1] != "-" else name
    if name in ("-h", "--help"):
        print("usage: lineart COMMAND [OPTIONS]\n\ncommands:")
        print(*(f"  {name:14}{sentence}" for name, sentence in COMMANDS.items()), sep="\n")
        print("\n`lineart COMMAND --help` lists the options of a command.")
        print("`lineart --version` says which version this is.")
        return ALL_DONE
    if name in ("--version", "-V"):
        from lineart.runtime.environment import describe_version

        print(describe_version())
        return ALL_DONE
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"lineart: no command is called {name!r}; there are {known}", file=sys.stderr)
        return WRONG_INPUT
    sys.argv[1:] = arguments
    runpy.run_module(f"lineart.jobs.{name}", run_name="__main__", alter_sys=True)
    return ALL_DONE


if __name__ == "__main__":
    sys.exit(main())
