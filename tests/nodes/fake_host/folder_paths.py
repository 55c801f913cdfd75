"""Where the host keeps files. The folders are set by the tests; none exists before."""

import os
import re
from pathlib import Path

models_dir = str(Path(__file__).parent / "models")
folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {
    "audio_encoders": ([str(Path(models_dir) / "audio_encoders")], {".safetensors", ".bin", ".pt"}),
}
filename_list_cache: dict = {}
_folders = {name: str(Path(__file__).parent / name) for name in ("input", "output", "temp", "user")}


def get_input_directory() -> str:
    return _folders["input"]


def get_output_directory() -> str:
    return _folders["output"]


def get_temp_directory() -> str:
    return _folders["temp"]


def get_user_directory() -> str:
    return _folders["user"]


def get_system_user_directory(name: str = "system") -> str:
    return str(Path(get_user_directory()) / f"__{name}")


def get_public_user_directory(user_id: str) -> str | None:
    return str(Path(get_user_directory()) / user_id)


def set_input_directory(input_dir: str) -> None:
    _folders["input"] = input_dir


def set_output_directory(output_dir: str) -> None:
    _folders["output"] = output_dir


def set_temp_directory(temp_dir: str) -> None:
    _folders["temp"] = temp_dir


def set_user_directory(user_dir: str) -> None:
    _folders["user"] = user_dir


def get_directory_by_type(type_name: str) -> str | None:
    return _folders.get(type_name)


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """`file.json [output]` names the folder after the file."""
    match = re.fullmatch(r"(.*) \[(input|output|temp)\]", name)
    return (match[1], _folders[match[2]]) if match else (name, None)


def is_within_directory(directory: str, target: str) -> bool:
    try:
        directory, target = os.path.realpath(directory), os.path.realpath(target)
        return os.path.commonpath((directory, target)) == directory
    except ValueError:
        return False


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    name, folder = annotated_filepath(name)
    folder = folder or default_dir or get_input_directory()
    path = os.path.abspath(os.path.join(folder, name))
    if not is_within_directory(folder, path):
        raise ValueError(f"Invalid file path: {name!r}")
    return path


def exists_annotated_filepath(name) -> bool:
    return os.path.exists(get_annotated_filepath(name))


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    folders, _ = folder_names_and_paths.setdefault(folder_name, ([], set()))
    if full_folder_path not in folders:
        folders.insert(0 if is_default else len(folders), full_folder_path)


def get_folder_paths(folder_name: str) -> list[str]:
    return folder_names_and_paths[folder_name][0][:]


def get_filename_list(folder_name: str) -> list[str]:
    folders, endings = folder_names_and_paths[folder_name]
    found = ((file, folder) for folder in folders for file in Path(folder).rglob("*"))
    files = {file.relative_to(folder) for file, folder in found if file.is_file() or file.is_symlink()}
    return sorted(str(file) for file in files if not endings or file.suffix in endings)


def get_full_path(folder_name: str, filename: str) -> str | None:
    filename = os.path.relpath(os.path.join("/", filename), "/")
    paths = (os.path.join(folder, filename) for folder in get_folder_paths(folder_name))
    return next((path for path in paths if os.path.isfile(path)), None)


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"Model in folder '{folder_name}' with filename '{filename}' not found.")
    return path


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width=0, image_height=0
) -> tuple[str, str, int, str, str]:
    """Folder, file name, first free number, subfolder, prefix; refuses to leave the output folder."""
    subfolder, filename = os.path.split(os.path.normpath(filename_prefix))
    folder = os.path.join(output_dir, subfolder)
    if not is_within_directory(output_dir, folder):
        raise Exception("Saving image outside the output folder is not allowed.")
    os.makedirs(folder, exist_ok=True)
    numbers = [re.match(rf"{re.escape(filename)}_(\d+)", name) for name in os.listdir(folder)]
    return folder, filename, 1 + max((int(found[1]) for found in numbers if found), default=0), subfolder, filename
