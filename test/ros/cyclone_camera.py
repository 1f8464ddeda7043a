"""A camera and a perception stack in one program, without any ROS: plain Eclipse Cyclone DDS.

Publishes images and camera_infos to the ROS topics that the arguments name, reads images back and
prints what came as JSON. ROS 2 maps a topic /a/b to the DDS topic rt/a/b, and a message type to
package::msg::dds_::Type_.
"""

import json
import os
import sys
import time
from dataclasses import dataclass

LOOPBACK = (
    '<CycloneDDS><Domain><General><Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    '<AllowMulticast>false</AllowMulticast></General><Discovery><ParticipantIndex>auto'
    '</ParticipantIndex><MaxAutoParticipantIndex>60</MaxAutoParticipantIndex>'
    '<Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>'
)
os.environ['CYCLONEDDS_URI'] = LOOPBACK

from cyclonedds.core import Policy, Qos  # noqa: E402
from cyclonedds.domain import DomainParticipant  # noqa: E402
from cyclonedds.idl import IdlStruct, types  # noqa: E402
from cyclonedds.pub import DataWriter  # noqa: E402
from cyclonedds.sub import DataReader  # noqa: E402
from cyclonedds.topic import Topic  # noqa: E402
from cyclonedds.util import duration  # noqa: E402


@dataclass
class Time(IdlStruct, typename='builtin_interfaces::msg::dds_::Time_'):
    sec: types.int32
    nanosec: types.uint32


@dataclass
class Header(IdlStruct, typename='std_msgs::msg::dds_::Header_'):
    stamp: Time
    frame_id: str


@dataclass
class Image(IdlStruct, typename='sensor_msgs::msg::dds_::Image_'):
    header: Header
    height: types.uint32
    width: types.uint32
    encoding: str
    is_bigendian: types.uint8
    step: types.uint32
    data: types.sequence[types.uint8]


WIDTH, HEIGHT, FRAMES, PATIENCE_S = 64, 48, 5, 40.0


def frame(number):
    data = [(number * 31 + index * 7) % 256 for index in range(3 * WIDTH * HEIGHT)]
    header = Header(Time(100 + number, number), 'camera_optical_frame')
    return Image(header, HEIGHT, WIDTH, 'rgb8', 0, 3 * WIDTH, data)


def main(topic_in, topic_out):
    participant = DomainParticipant(int(os.environ['ROS_DOMAIN_ID']))
    # ROS 2 speaks the first version of the wire encoding.
    encoding = Policy.DataRepresentation(use_cdrv0_representation=True)
    reliable = Policy.Reliability.Reliable(duration(seconds=1))
    qos = Qos(reliable, Policy.History.KeepLast(10), encoding)
    writer = DataWriter(participant, Topic(participant, f'rt{topic_in}', Image), qos=qos)
    reader = DataReader(participant, Topic(participant, f'rt{topic_out}', Image), qos=qos)
    seen = {}
    end = time.monotonic() + PATIENCE_S
    while len(seen) < FRAMES and time.monotonic() < end:
        # Again and again: nobody tells when both ends have found each other.
        number = len(seen)
        writer.write(frame(number))
        again = time.monotonic() + 0.5
        while time.monotonic() < again and number not in seen:
            for sample in reader.take(N=10):
                index = sample.header.stamp.nanosec
                seen[index] = sample == frame(index) and list(sample.data) == frame(index).data
            time.sleep(0.005)
    json.dump({'frames': len(seen), 'equal': sum(seen.values())}, sys.stdout)


if __name__ == '__main__':
    main(*sys.argv[1:])
