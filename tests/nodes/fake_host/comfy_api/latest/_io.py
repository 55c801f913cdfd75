"""Schemas, sockets and widgets of V3 nodes, and the dictionaries the host makes of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum


class FolderType(str, Enum):
    input = "input"
    output = "output"
    temp = "temp"


class UploadType(str, Enum):
    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


class NumberDisplay(str, Enum):
    number = "number"
    slider = "slider"
    gradient_slider = "gradientslider"


class ControlAfterGenerate(str, Enum):
    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class Hidden(str, Enum):
    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"
    dynprompt = "DYNPROMPT"


def _without_none(values: dict) -> dict:
    return {key: value for key, value in values.items() if value is not None}


class Input:
    """A socket. Types are set by the class that a socket type owns."""

    io_type: str

    def __init__(
        self,
        id,
        display_name=None,
        optional=False,
        tooltip=None,
        lazy=None,
        extra_dict=None,
        raw_link=None,
        advanced=None,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.extra_dict = extra_dict or {}
        self.rawLink = raw_link
        self.advanced = advanced

    def as_dict(self) -> dict:
        names = ("display_name", "tooltip", "lazy", "rawLink", "advanced")
        return _without_none({name: getattr(self, name) for name in names}) | _without_none(self.extra_dict)

    def get_io_type(self) -> str:
        return self.io_type


class WidgetInput(Input):
    """A socket that also has a widget."""

    def __init__(
        self,
        id,
        display_name=None,
        optional=False,
        tooltip=None,
        lazy=None,
        default=None,
        socketless=None,
        widget_type=None,
        force_input=None,
        extra_dict=None,
        raw_link=None,
        advanced=None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy, extra_dict, raw_link, advanced)
        self.default = default
        self.socketless = socketless
        self.widget_type = widget_type
        self.force_input = force_input

    def as_dict(self) -> dict:
        own = {
            "default": self.default,
            "socketless": self.socketless,
            "widgetType": self.widget_type,
            "forceInput": self.force_input,
        }
        return super().as_dict() | _without_none(own)

    def get_io_type(self) -> str:
        return self.widget_type or self.io_type


class Output:
    io_type: str

    def __init__(self, id=None, display_name=None, tooltip=None, is_output_list=False) -> None:
        self.id = id
        self.display_name = display_name or id
        self.tooltip = tooltip
        self.is_output_list = is_output_list


def comfytype(io_type, **kwargs):
    """Bind a name on the wire to a socket type and its Input and Output."""

    def bind(cls):
        cls.io_type = io_type
        for name, parent in (("Input", Input), ("Output", Output)):
            own = getattr(cls, name, parent)
            setattr(cls, name, type(name, (own,), {"io_type": io_type}))
        return cls

    return bind


def Custom(io_type):
    """A socket type of the pack's own."""
    return comfytype(io_type)(type(io_type, (), {}))


@comfytype("IMAGE")
class Image:
    pass


@comfytype("MASK")
class Mask:
    pass


@comfytype("AUDIO")
class Audio:
    pass


@comfytype("VIDEO")
class Video:
    pass


@comfytype("BOOLEAN")
class Boolean:
    class Input(WidgetInput):
        def __init__(
            self,
            id,
            display_name=None,
            optional=False,
            tooltip=None,
            lazy=None,
            default=None,
            label_on=None,
            label_off=None,
            socketless=None,
            force_input=None,
            extra_dict=None,
            raw_link=None,
            advanced=None,
        ) -> None:
            super().__init__(
                *(id, display_name, optional, tooltip, lazy, default, socketless, None),
                *(force_input, extra_dict, raw_link, advanced),
            )
            self.label_on = label_on
            self.label_off = label_off

        def as_dict(self) -> dict:
            return super().as_dict() | _without_none({"label_on": self.label_on, "label_off": self.label_off})


@comfytype("INT")
class Int:
    class Input(WidgetInput):
        def __init__(
            self,
            id,
            display_name=None,
            optional=False,
            tooltip=None,
            lazy=None,
            default=None,
            min=None,
            max=None,
            step=None,
            control_after_generate=None,
            display_mode=None,
            socketless=None,
            force_input=None,
            extra_dict=None,
            raw_link=None,
            advanced=None,
        ) -> None:
            super().__init__(
                *(id, display_name, optional, tooltip, lazy, default, socketless, None),
                *(force_input, extra_dict, raw_link, advanced),
            )
            self.min = min
            self.max = max
            self.step = step
            self.control_after_generate = control_after_generate
            self.display_mode = display_mode

        def as_dict(self) -> dict:
            own = {
                "min": self.min,
                "max": self.max,
                "step": self.step,
                "control_after_generate": self.control_after_generate,
                "display": self.display_mode.value if self.display_mode else None,
            }
            return super().as_dict() | _without_none(own)


@comfytype("FLOAT")
class Float:
    class Input(WidgetInput):
        def __init__(
            self,
            id,
            display_name=None,
            optional=False,
            tooltip=None,
            lazy=None,
            default=None,
            min=None,
            max=None,
            step=None,
            round=None,
            display_mode=None,
            gradient_stops=None,
            socketless=None,
            force_input=None,
            extra_dict=None,
            raw_link=None,
            advanced=None,
        ) -> None:
            super().__init__(
                *(id, display_name, optional, tooltip, lazy, default, socketless, None),
                *(force_input, extra_dict, raw_link, advanced),
            )
            self.min = min
            self.max = max
            self.step = step
            self.round = round
            self.display_mode = display_mode
            self.gradient_stops = gradient_stops

        def as_dict(self) -> dict:
            own = {
                "min": self.min,
                "max": self.max,
                "step": self.step,
                "round": self.round,
                "display": self.display_mode,
                "gradient_stops": self.gradient_stops,
            }
            return super().as_dict() | _without_none(own)


@comfytype("STRING")
class String:
    class Input(WidgetInput):
        def __init__(
            self,
            id,
            display_name=None,
            optional=False,
            tooltip=None,
            lazy=None,
            multiline=False,
            placeholder=None,
            default=None,
            dynamic_prompts=None,
            socketless=None,
            force_input=None,
            extra_dict=None,
            raw_link=None,
            advanced=None,
        ) -> None:
            super().__init__(
                *(id, display_name, optional, tooltip, lazy, default, socketless, None),
                *(force_input, extra_dict, raw_link, advanced),
            )
            self.multiline = multiline
            self.placeholder = placeholder
            self.dynamic_prompts = dynamic_prompts

        def as_dict(self) -> dict:
            own = {
                "multiline": self.multiline,
                "placeholder": self.placeholder,
                "dynamicPrompts": self.dynamic_prompts,
            }
            return super().as_dict() | _without_none(own)


@comfytype("COMBO")
class Combo:
    class Input(WidgetInput):
        def __init__(
            self,
            id,
            options=None,
            display_name=None,
            optional=False,
            tooltip=None,
            lazy=None,
            default=None,
            control_after_generate=None,
            upload=None,
            image_folder=None,
            remote=None,
            socketless=None,
            extra_dict=None,
            raw_link=None,
            advanced=None,
        ) -> None:
            super().__init__(
                *(id, display_name, optional, tooltip, lazy, default, socketless, None),
                *(None, extra_dict, raw_link, advanced),
            )
            self.options = options
            self.control_after_generate = control_after_generate
            self.upload = upload
            self.image_folder = image_folder
            self.remote = remote

        def as_dict(self) -> dict:
            own = {
                "multiselect": False,
                "options": self.options,
                "control_after_generate": self.control_after_generate,
                "image_folder": self.image_folder.value if self.image_folder else None,
            }
            upload = {self.upload.value: True} if self.upload else {}
            return super().as_dict() | _without_none(own) | upload


@comfytype("CURVE")
class Curve:
    class Input(WidgetInput):
        def __init__(
            self, id, display_name=None, optional=False, tooltip=None, socketless=True, default=None, advanced=None
        ) -> None:
            default = [(0.0, 0.0), (1.0, 1.0)] if default is None else default
            super().__init__(
                id,
                display_name,
                optional,
                tooltip,
                default=default,
                socketless=socketless,
                advanced=advanced,
            )

        def as_dict(self) -> dict:
            points = [list(point) for point in self.default]
            return super().as_dict() | {"default": {"points": points, "interpolation": "monotone_cubic"}}


class _HiddenHolder:
    """What the host tells a node beside its inputs; anything it did not tell is None."""

    def __init__(self, unique_id, prompt, extra_pnginfo, dynprompt, **kwargs) -> None:
        self.unique_id = unique_id
        self.prompt = prompt
        self.extra_pnginfo = extra_pnginfo
        self.dynprompt = dynprompt

    def __getattr__(self, key):
        return None

    @classmethod
    def from_dict(cls, d):
        d = d or {}
        return cls(*(d.get(key) for key in (Hidden.unique_id, Hidden.prompt, Hidden.extra_pnginfo, Hidden.dynprompt)))


@dataclass
class NodeInfoV1:
    """One node of /object_info."""

    input: dict | None = None
    input_order: dict | None = None
    is_input_list: bool | None = None
    output: list | None = None
    output_is_list: list | None = None
    output_name: list | None = None
    output_tooltips: list | None = None
    output_matchtypes: list | None = None
    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    python_module: object = None
    category: str | None = None
    output_node: bool | None = None
    deprecated: bool | None = None
    experimental: bool | None = None
    dev_only: bool | None = None
    api_node: bool | None = None
    price_badge: dict | None = None
    search_aliases: list | None = None
    essentials_category: str | None = None
    has_intermediate_output: bool | None = None


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    hidden: list = field(default_factory=list)
    description: str = ""
    search_aliases: list = field(default_factory=list)
    is_input_list: bool = False
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    is_dev_only: bool = False
    is_api_node: bool = False
    price_badge: object = None
    not_idempotent: bool = False
    enable_expand: bool = False
    accept_all_inputs: bool = False
    essentials_category: str | None = None
    has_intermediate_output: bool = False

    def validate(self) -> None:
        for kind, ids in (("Input", [one.id for one in self.inputs]), ("Output", [one.id for one in self.outputs])):
            twice = {one for one in ids if ids.count(one) > 1}
            if twice:
                raise ValueError(f"{kind} ids must be unique, but {sorted(twice)} are not.")

    def finalize(self) -> None:
        """Output nodes are told the prompt; outputs without an id get one."""
        if self.is_output_node:
            self.hidden += [one for one in (Hidden.prompt, Hidden.extra_pnginfo) if one not in self.hidden]
        for index, output in enumerate(self.outputs):
            output.id = output.id or f"_{index}_{output.io_type}_"

    def get_v1_info(self, cls) -> NodeInfoV1:
        inputs: dict = {"required": {}}
        for one in self.inputs:
            inputs.setdefault("optional" if one.optional else "required", {})[one.id] = (
                one.get_io_type(),
                one.as_dict(),
            )
        if self.hidden:
            inputs["hidden"] = {one.name: (one.value,) for one in self.hidden}
        return NodeInfoV1(
            input=inputs,
            input_order={key: list(value) for key, value in inputs.items()},
            is_input_list=self.is_input_list,
            output=[one.io_type for one in self.outputs],
            output_is_list=[one.is_output_list for one in self.outputs],
            output_name=[one.display_name or one.io_type for one in self.outputs],
            output_tooltips=[one.tooltip or None for one in self.outputs],
            name=self.node_id,
            display_name=self.display_name,
            description=self.description,
            python_module=getattr(cls, "RELATIVE_PYTHON_MODULE", "nodes"),
            category=self.category,
            output_node=self.is_output_node,
            deprecated=self.is_deprecated,
            experimental=self.is_experimental,
            dev_only=self.is_dev_only,
            api_node=self.is_api_node,
            search_aliases=self.search_aliases or None,
            essentials_category=self.essentials_category,
            has_intermediate_output=self.has_intermediate_output,
        )


class NodeOutput:
    def __init__(self, *args, ui=None, expand=None, block_execution=None) -> None:
        self.args = args
        self.ui = ui
        self.expand = expand
        self.block_execution = block_execution

    @property
    def result(self):
        return self.args if self.args else None

    def __getitem__(self, index):
        return self.args[index]


class ComfyNode(ABC):
    RELATIVE_PYTHON_MODULE = None
    SCHEMA = None
    hidden: _HiddenHolder | None = None

    @classmethod
    @abstractmethod
    def define_schema(cls) -> Schema: ...

    @classmethod
    @abstractmethod
    def execute(cls, **kwargs): ...

    @classmethod
    def validate_inputs(cls, **kwargs):
        raise NotImplementedError

    @classmethod
    def fingerprint_inputs(cls, **kwargs):
        raise NotImplementedError

    @classmethod
    def check_lazy_status(cls, **kwargs) -> Iterable[str]:
        return [name for name, value in kwargs.items() if value is None]

    @classmethod
    def GET_BASE_CLASS(cls):
        return ComfyNode

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        schema = cls.define_schema()
        schema.finalize()
        schema.validate()
        cls.SCHEMA = schema
        return schema

    @classmethod
    def GET_NODE_INFO_V1(cls) -> dict:
        return asdict(cls.GET_SCHEMA().get_v1_info(cls))

    @classmethod
    def PREPARE_CLASS_CLONE(cls, v3_data):
        """Nodes run as a copy of their class, so that nothing they set stays."""
        clone = type(f"{cls.__name__}Clone", (cls,), dict(cls.__dict__))
        clone.hidden = _HiddenHolder.from_dict(v3_data["hidden_inputs"] if v3_data else None)
        return clone

    @classmethod
    def EXECUTE_NORMALIZED(cls, *args, **kwargs) -> NodeOutput:
        result = cls.execute(*args, **kwargs)
        if result is None:
            return NodeOutput()
        if isinstance(result, tuple):
            return NodeOutput(*result)
        if not isinstance(result, NodeOutput):
            raise Exception(f"Invalid return type from node: {type(result)}")
        return result


class NodeReplace:
    def __init__(self, new_node_id, old_node_id, old_widget_ids=None, input_mapping=None, output_mapping=None) -> None:
        self.new_node_id = new_node_id
        self.old_node_id = old_node_id
        self.old_widget_ids = old_widget_ids
        self.input_mapping = input_mapping
        self.output_mapping = output_mapping

    def as_dict(self) -> dict:
        return dict(vars(self))
