"""PerceptionProxy: simulated camera topics in, realistic ones out; a managed node."""

import dataclasses
import time
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from sim2real_ros.ros.camera import Camera, declare_camera_qos
from sim2real_ros.ros.camera_topics import CameraTopics, camera_topics
from sim2real_ros.ros.diagnostics_reporter import (
    PERIOD_S,
    DiagnosticsReporter,
    model_values,
    wall_clock,
)
from sim2real_ros.ros.model_loader import (
    ModelRequest,
    load_while,
    model_request,
    reason_against_model,
)
from sim2real_ros.ros.model_switch import ModelSwitch
from sim2real_ros.ros.parameters import (
    LAYOUT_FIELDS,
    ProxyParameters,
    changed_values,
    declare_parameters,
    reason_against,
    with_changes,
)
from sim2real_ros.ros.translation_worker import TranslationWorker
from sim2real_ros.runtime.translator import Translator

_LOG_THROTTLE_S = 5.0


class PerceptionProxy(LifecycleNode):
    """The node: owns the lifecycle, the parameters and the services; frames pass it by.

    Frames go from ``Camera`` to ``TranslationWorker`` and back to ``Camera``; models come from
    ``ModelSwitch``. All methods run in the executor's thread, unless they say otherwise.
    """

    def __init__(self, **node_arguments: Any) -> None:
        """Declare the parameters and services; ``start`` or a lifecycle manager does the rest.

        Args:
            node_arguments: As for ``rclpy.node.Node``, for embedding and tests.

        Raises:
            ValueError: A parameter has an impossible value; the message says why.
        """
        super().__init__('perception_proxy', **node_arguments)
        self._settings = declare_parameters(self)
        self._cameras: list[Camera] = []
        self._worker: TranslationWorker | None = None
        self._configured = False
        self._active = False
        self._logged_s: dict[Camera, float] = {}
        self._reverting = False
        self._start_failed = False
        self._model = ModelSwitch(
            in_executor=self._in_executor,
            wanted=lambda: model_request(self._settings) if self._configured else None,
            on_accepted=self._accept_model,
            on_refused=self._refuse_model,
            frame_sizes=self._frame_sizes,
        )
        for name in self._settings.cameras:
            # Here already, so that an impossible remapping or override ends the program.
            declare_camera_qos(self, self._topics(name))
        self._diagnostics = DiagnosticsReporter(self)
        self._timer = self.create_timer(PERIOD_S, self._tick, clock=wall_clock())
        self.create_service(SetBool, '~/enable', self._enable)
        # In a group of its own: while it waits for the model, everything else has to go on.
        self.create_service(
            Trigger, '~/reload', self._reload, callback_group=MutuallyExclusiveCallbackGroup()
        )
        self.add_on_set_parameters_callback(self._change_parameters)

    # --- lifecycle -------------------------------------------------------------------------

    def start(self) -> None:
        """Configure and activate, as a lifecycle manager would; a failure is logged."""
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()
        elif self.context.ok():
            self._start_failed = True
            self.get_logger().error(
                'The node stays unconfigured. Set the parameter that is at fault, or call '
                '~/reload once the model is in place.'
            )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the publishers."""
        request = model_request(self._settings)
        try:
            translator = load_while(request, self.context.ok)
            if translator is None:
                # Told to stop meanwhile.
                return TransitionCallbackReturn.FAILURE
            for name in self._settings.cameras:
                # One by one: what exists when a later one fails is cleaned up.
                self._cameras.append(self._create_camera(name))
        # Also what a runtime or rclpy raises on names and models that nobody foresaw.
        except Exception as error:
            self.get_logger().error(f'Cannot configure: {error}')
            self._clean_up()
            self._model.refuse(str(error))
            return TransitionCallbackReturn.FAILURE
        self._configured, self._start_failed = True, False
        self._model.use(request, translator)
        return super().on_configure(state)

    def _create_camera(self, name: str) -> Camera:
        topics = self._topics(name)
        self.get_logger().info(f'{topics.image_in} -> {topics.image_out}')
        transport = self._settings.image_transport
        return Camera(self, name, topics, transport, self._receive, self._published_size)

    def _topics(self, name: str) -> CameraTopics:
        settings = self._settings
        return camera_topics(self, name, settings.output_namespace, settings.image_transport)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker; cameras subscribe as soon as somebody listens."""
        assert self._model.translator is not None
        self._worker = TranslationWorker(
            self._cameras, self._model.translator, self._settings, self._log_failure
        )
        result = super().on_activate(state)
        self._active = True
        for camera in self._cameras:
            camera.set_active(True)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop receiving and translating; the model stays loaded."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model and the topics."""
        self._clean_up()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End for good."""
        self._stop()
        self._clean_up()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured after an unforeseen error, so that it can be tried again."""
        self._stop()
        self._clean_up()
        return TransitionCallbackReturn.SUCCESS

    def _stop(self) -> None:
        self._active = False
        for camera in self._cameras:
            camera.set_active(False)
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _clean_up(self) -> None:
        self._start_failed = False
        self._model.forget()
        for camera in self._cameras:
            camera.destroy()
        self._cameras = []
        self._configured = False

    def destroy_node(self) -> None:
        """Stop the threads before the node goes."""
        self._model.close()
        self._stop()
        super().destroy_node()

    # --- frames ----------------------------------------------------------------------------

    def _receive(self, camera: Camera, message: Any) -> None:
        if self._worker is not None:
            self._worker.submit(camera, message)

    def _published_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size at which images of ``size`` are published."""
        if self._model.translator is None or self._settings.output_size == 'input':
            return size
        return self._model.translator.model_size(size)

    def _frame_sizes(self) -> list[tuple[int, int]]:
        """Return the sizes of the cameras' newest images; called in the loader's thread."""
        sizes = [camera.statistics.image_size for camera in self._cameras]
        return list(dict.fromkeys(size for size in sizes if size is not None))

    def _log_failure(self, camera: Camera, reason: str) -> None:
        """Log a failed frame, once in a while per camera; runs in the worker's thread."""
        now_s = time.monotonic()
        if now_s > self._logged_s.get(camera, -_LOG_THROTTLE_S) + _LOG_THROTTLE_S:
            self._logged_s[camera] = now_s
            self.get_logger().error(f'A frame of {camera.topics.image_in} failed: {reason}')

    # --- parameters ------------------------------------------------------------------------

    def _change_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        parameters = with_changes(self._settings, changed_values(changes))
        names = {p.name for p in changes if p.name in parameters.__dataclass_fields__}
        reason = self._reason_against_change(parameters, names)
        if reason:
            return SetParametersResult(successful=False, reason=reason)
        self._settings = parameters
        if self._worker is not None:
            self._worker.parameters = parameters
        reload = bool(names & ModelRequest.__dataclass_fields__.keys())
        if reload and self._configured and not self._reverting:
            self._model.request(model_request(parameters))
        elif names and self._start_failed:
            self._in_executor(self._start_again)
        return SetParametersResult(successful=True)

    def _reason_against_change(self, parameters: ProxyParameters, names: set[str]) -> str:
        reason = reason_against(parameters)
        if reason or not self._configured:
            return reason
        frozen = names & set(LAYOUT_FIELDS)
        if frozen:
            return f'{", ".join(sorted(frozen))} can change only while the node is unconfigured'
        if 'model' in names and not self._reverting:
            return reason_against_model(parameters.model)
        return ''

    def _start_again(self) -> None:
        """Try once more after a parameter changed that may have been at fault."""
        if self._start_failed:
            self.start()

    # --- model -----------------------------------------------------------------------------

    def _accept_model(self, translator: Translator) -> None:
        if self._worker is not None:
            self._worker.translator = translator
        self._log_model(translator)

    def _refuse_model(self, in_force: ModelRequest, reason: str) -> None:
        """Keep the old model, and make the parameters say so again."""
        self.get_logger().error(f'The model was refused, the old one goes on: {reason}')
        values = dataclasses.asdict(in_force)
        values['size'] = list(in_force.size or (0, 0))
        # Which cameras there are cannot have changed meanwhile.
        values = {k: v for k, v in values.items() if k not in LAYOUT_FIELDS}
        self._reverting = True
        self.set_parameters([Parameter(name, value=value) for name, value in values.items()])
        self._reverting = False

    def _log_model(self, translator: Translator) -> None:
        values = model_values(translator, self._settings)
        self.get_logger().info(
            f'Model {values["name"]!r} ({values["method"]}), {values["backend"]}, '
            f'{values["provider"]}, {values["precision"]}, size {values["size"]}, '
            f'sha256 {values["sha256"][:12]}'
        )
        if translator.backend.fallback:
            self.get_logger().warning(
                f'Runs on {values["provider"]} in {values["precision"]} (asked for: '
                f'{self._settings.provider}, {self._settings.precision}): '
                f'{translator.backend.fallback}.'
            )

    # --- services --------------------------------------------------------------------------

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        result = self.set_parameters([Parameter('enabled', value=request.data)])[0]
        response.success = result.successful
        state = 'translated frames' if request.data else 'original frames (bypass)'
        response.message = result.reason or f'publishing {state}'
        return response

    async def _reload(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        """Load the model file anew; the old one serves until the new one is warm."""
        if self._start_failed:
            self.start()
        elif self._configured:
            await self._model.request_and_wait(model_request(self._settings))
        refused = self._model.refused
        response.success = self._configured and not refused
        response.message = refused or (
            'model loaded' if self._configured else 'the node is not configured'
        )
        return response

    # --- housekeeping ----------------------------------------------------------------------

    def _tick(self) -> None:
        for camera in self._cameras:
            # Also covers a matched event that was missed.
            camera.update_subscriptions()
            camera.reconsider_qos()
        translator, values = self._model.translator, {}
        if translator is not None:
            values = model_values(translator, self._settings)
        self._diagnostics.report(
            self._cameras,
            self._active,
            self._settings.stale_after_s,
            self._model.situation(values),
        )

    def _in_executor(self, function: Any, *arguments: Any) -> None:
        """Run a function in the executor's thread; may be called from any thread."""
        executor = self.executor
        if executor is not None:
            executor.create_task(function, *arguments)
