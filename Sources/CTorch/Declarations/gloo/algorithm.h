// libtorch's header of its process group includes this one and needs nothing of it.
#pragma once
