"""PerceptionProxy: simulated camera topics in, realistic ones out; a managed node."""

import dataclasses
from functools import partial
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from sim2real_ros.ros.camera import Camera
from sim2real_ros.ros.camera_topics import camera_topics
from sim2real_ros.ros.diagnostics import ModelSituation
from sim2real_ros.ros.diagnostics_reporter import (
    PERIOD_S,
    DiagnosticsReporter,
    model_values,
    wall_clock,
)
from sim2real_ros.ros.model_loader import (
    ModelLoader,
    ModelRequest,
    load_translator,
    model_request,
    reason_against_model,
)
from sim2real_ros.ros.parameters import (
    LAYOUT_FIELDS,
    MODEL_FIELDS,
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
    ``ModelLoader``. All methods run in the executor's thread, unless they say otherwise.
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
        self._translator: Translator | None = None
        self._configured = False
        self._active = False
        self._accepted: ModelRequest | None = None
        self._refused = ''
        self._reverting = False
        self._start_failed = False
        self._reloads: list[Future] = []
        self._loader = ModelLoader(
            on_loaded=partial(self._in_executor, self._accept_model),
            on_refused=partial(self._in_executor, self._refuse_model),
        )
        self._diagnostics = DiagnosticsReporter(self)
        self._timer = self.create_timer(PERIOD_S, self._tick, clock=wall_clock())
        self.create_service(SetBool, '~/enable', self._enable)
        self.create_service(Trigger, '~/reload', self._reload)
        self.add_on_set_parameters_callback(self._change_parameters)

    # --- lifecycle -------------------------------------------------------------------------

    def start(self) -> None:
        """Configure and activate, as a lifecycle manager would; a failure is logged."""
        self._start_failed = self.trigger_configure() != TransitionCallbackReturn.SUCCESS
        if not self._start_failed:
            self.trigger_activate()
        else:
            self.get_logger().error(
                'The node stays unconfigured. Set the parameter that is at fault, or call '
                '~/reload once the model is in place.'
            )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the publishers."""
        request = model_request(self._settings)
        try:
            self._translator = load_translator(request)
            for name in self._settings.cameras:
                # One by one: what exists when a later one fails is cleaned up.
                self._cameras.append(self._create_camera(name))
        # Also what a runtime or rclpy raises on names and models that nobody foresaw.
        except Exception as error:
            self._refused = str(error)
            self.get_logger().error(f'Cannot configure: {error}')
            self._clean_up()
            return TransitionCallbackReturn.FAILURE
        self._refused, self._accepted = '', request
        self._configured = True
        self._log_model(self._translator)
        return super().on_configure(state)

    def _create_camera(self, name: str) -> Camera:
        parameters = self._settings
        topics = camera_topics(self, name, parameters.output_namespace, parameters.image_transport)
        self.get_logger().info(f'{topics.image_in} -> {topics.image_out}')
        return Camera(self, name, topics, parameters.image_transport, self._receive)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the worker; cameras subscribe as soon as somebody listens."""
        assert self._translator is not None
        self._worker = TranslationWorker(
            self._cameras, self._translator, self._settings, self._log_failure
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
        for camera in self._cameras:
            camera.destroy()
        self._cameras = []
        self._translator = None
        self._configured = False

    def destroy_node(self) -> None:
        """Stop the threads before the node goes."""
        self._loader.close()
        self._stop()
        super().destroy_node()

    # --- frames ----------------------------------------------------------------------------

    def _receive(self, camera: Camera, message: Any) -> None:
        if self._worker is not None:
            self._worker.submit(camera, message)

    def _log_failure(self, camera: Camera, reason: str) -> None:
        """Log a failed frame; runs in the worker's thread."""
        self.get_logger().error(
            f'A frame of {camera.topics.image_in} failed: {reason}',
            throttle_duration_sec=_LOG_THROTTLE_S,
        )

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
        if names & set(MODEL_FIELDS) and self._configured and not self._reverting:
            self._loader.request(model_request(parameters))
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

    def _accept_model(self, request: ModelRequest, translator: Translator) -> None:
        self._refused, self._accepted = '', request
        if self._configured:
            self._translator = translator
            if self._worker is not None:
                self._worker.translator = translator
            self._log_model(translator)
        self._answer_reloads()

    def _refuse_model(self, request: ModelRequest, reason: str) -> None:
        """Keep the old model, and make the parameters say so again."""
        self._refused = reason
        self.get_logger().error(f'The model was refused, the old one goes on: {reason}')
        self._revert_parameters(request)
        self._answer_reloads()

    def _revert_parameters(self, refused: ModelRequest) -> None:
        if self._accepted is None or model_request(self._settings) != refused:
            # Somebody has asked for something else meanwhile.
            return
        values = dataclasses.asdict(self._accepted)
        values['size'] = list(self._accepted.size or (0, 0))
        self._reverting = True
        self.set_parameters([Parameter(name, value=values[name]) for name in MODEL_FIELDS])
        self._reverting = False

    def _log_model(self, translator: Translator) -> None:
        values = model_values(translator, self._settings.provider)
        self.get_logger().info(
            f'Model {values["name"]!r} ({values["method"]}), {values["backend"]}, '
            f'{values["provider"]}, sha256 {values["sha256"][:12]}'
        )
        if translator.backend.fallback:
            self.get_logger().warning(
                f'Runs on {values["provider"]}, not on {self._settings.provider}: '
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
        if not self._configured:
            self.start()
        else:
            done = Future()
            self._reloads.append(done)
            self._loader.request(model_request(self._settings))
            await done
        response.success = self._configured and not self._refused
        response.message = self._refused or 'model loaded'
        return response

    def _answer_reloads(self) -> None:
        waiting, self._reloads = self._reloads, []
        for future in waiting:
            future.set_result(None)

    # --- housekeeping ----------------------------------------------------------------------

    def _tick(self) -> None:
        for camera in self._cameras:
            # Also covers a matched event that was missed, and ROS distributions without them.
            camera.update_subscriptions()
        values = {}
        fallback = ''
        if self._translator is not None:
            values = model_values(self._translator, self._settings.provider)
            fallback = self._translator.backend.fallback
        situation = ModelSituation(values, fallback, self._loader.loading, self._refused)
        self._diagnostics.report(
            self._cameras, self._active, self._settings.stale_after_s, situation
        )

    def _in_executor(self, function: Any, *arguments: Any) -> None:
        """Run a function in the executor's thread; may be called from any thread."""
        executor = self.executor
        if executor is not None:
            executor.create_task(function, *arguments)
